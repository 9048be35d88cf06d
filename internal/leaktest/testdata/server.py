# An MCP server on the standard library: python3 server.py PORT SHAPE [mended]. Each call
# keeps an object in a way that the shape names; mended releases it again.
import http.server
import json
import os
import sys


class Entry:
    def __init__(self, n):
        self.n = n
        self.args = {"text": "secret-argument-%d" % n}
        self.numbers = list(map(float, range(n, n + 40)))  # a comprehension has a frame of its own before 3.12


class Registry:
    seen = []


kept, by_id, listeners = [], {}, []
calls = 0


def keep(n):
    kept.append(Entry(n))


def remember(n):
    by_id[n] = Entry(n)


def listen(n):
    entry = Entry(n)
    listeners.append(lambda: entry.n)


def register(n):
    Registry.seen.append(Entry(n))


def keep_bytes(n):
    kept.append(bytes(int(os.environ["LEAK"])))


def release():
    for held in (kept, by_id, listeners, Registry.seen):
        held.clear()


SHAPES = {"list": keep, "dict": remember, "closure": listen, "class": register, "bytes": keep_bytes}


def call(params):
    global calls
    calls += 1
    SHAPES[sys.argv[2]](calls)
    if sys.argv[3:] == ["mended"]:
        release()
    return {"content": [{"type": "text", "text": "hi"}]}


METHODS = {
    "initialize": lambda p: {
        "protocolVersion": p["protocolVersion"],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "shapes", "version": "1"},
    },
    "ping": lambda p: {},
    "tools/list": lambda p: {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]},
    "tools/call": call,
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write for the answer

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "id" not in message:
            return self.answer(202, b"")
        reply = {"jsonrpc": "2.0", "id": message["id"]}
        if message["method"] in METHODS:
            reply["result"] = METHODS[message["method"]](message.get("params") or {})
        else:
            reply["error"] = {"code": -32601, "message": "no such method"}
        self.answer(200, json.dumps(reply).encode())

    def do_GET(self):
        self.answer(405, b"")

    do_DELETE = do_GET

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # with 5 the users of a load wait a second for a connection


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
