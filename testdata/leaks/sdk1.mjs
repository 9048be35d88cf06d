// Sessions on @modelcontextprotocol/sdk 1.32.2: with --json answers it keeps an
// entry of every POST, with event streams it does not.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { McpServer } from 'sdk-1/server/mcp.js';
import { StreamableHTTPServerTransport } from 'sdk-1/server/streamableHttp.js';
import { echo } from './echo.mjs';

const [port, json] = [Number(process.argv[2]), process.argv[3] === '--json'];
const sessions = new Map();

async function open() {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: json,
    onsessioninitialized: (id) => sessions.set(id, transport),
  });
  transport.onclose = () => sessions.delete(transport.sessionId);
  const server = new McpServer({ name: 'sdk1', version: '1' });
  echo(server);
  await server.connect(transport);
  return transport;
}

createServer(async (req, res) => {
  const id = req.headers['mcp-session-id'];
  const transport = id ? sessions.get(id) : await open();
  if (!transport) return res.writeHead(404).end();
  await transport.handleRequest(req, res);
}).listen(port, '127.0.0.1');
