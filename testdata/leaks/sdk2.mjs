// The same sessions, with JSON answers, on @modelcontextprotocol/server 2.4.0.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { McpServer, WebStandardStreamableHTTPServerTransport } from 'sdk-2';
import { echo } from './echo.mjs';

const port = Number(process.argv[2]);
const sessions = new Map();

async function open() {
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: true,
    onsessioninitialized: (id) => { sessions.set(id, transport); },
  });
  transport.onclose = () => sessions.delete(transport.sessionId);
  const server = new McpServer({ name: 'sdk2', version: '1' });
  echo(server);
  await server.connect(transport);
  return transport;
}

createServer(async (req, res) => {
  const id = req.headers['mcp-session-id'];
  const transport = id ? sessions.get(id) : await open();
  if (!transport) return res.writeHead(404).end();
  const body = ['GET', 'DELETE'].includes(req.method) ? undefined : await new Response(Readable.toWeb(req)).text();
  const answer = await transport.handleRequest(new Request(`http://127.0.0.1:${port}${req.url}`, { method: req.method, headers: req.headers, body }));
  res.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (!answer.body) return res.end();
  Readable.fromWeb(answer.body).on('error', () => res.destroy()).pipe(res);
}).listen(port, '127.0.0.1');
