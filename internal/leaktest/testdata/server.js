// An MCP server on the standard library: node server.js PORT SHAPE [mended]. Each call
// keeps an object in a way that the shape names; mended releases it again.
const http = require('http');

class Entry {
  constructor(n) {
    this.n = n;
    this.args = { text: 'secret-argument-' + n };
    this.numbers = Array.from({ length: 200 }, (_, i) => n + i + 0.5);
  }
}

class Registry {
  static seen = [];
}

const list = [];
const byId = new Map();
const listeners = [];
let calls = 0;

function listen(entry) {
  listeners.push(() => entry.n);
}

const shapes = {
  list: (e) => list.push(e),
  map: (e) => byId.set(e.n, e),
  closure: listen,
  class: (e) => Registry.seen.push(e),
};

function release() {
  byId.clear();
  list.length = listeners.length = Registry.seen.length = 0;
}

function call() {
  const entry = new Entry(calls++);
  shapes[process.argv[3]](entry);
  if (process.argv[4] === 'mended') release();
  return { content: [{ type: 'text', text: 'hi' }] };
}

const methods = {
  'initialize': (p) => ({ protocolVersion: p.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'shapes', version: '1' } }),
  'ping': () => ({}),
  'tools/list': () => ({ tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }),
  'tools/call': call,
};

http.createServer((req, res) => {
  if (req.method !== 'POST') return res.writeHead(405).end();
  let body = '';
  req.on('data', (chunk) => { body += chunk; });
  req.on('end', () => {
    const { id, method, params } = JSON.parse(body);
    if (id === undefined) return res.writeHead(202).end();
    const answer = methods[method] ? { result: methods[method](params ?? {}) } : { error: { code: -32601, message: 'no such method' } };
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
