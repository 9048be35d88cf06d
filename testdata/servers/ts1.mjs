// A server of version 1 of the TypeScript SDK, with sessions. JSON=1 answers as application/json.
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';

function newServer() {
  const server = new McpServer({ name: 'ts1', version: '1' });
  server.registerTool('echo', { inputSchema: { text: z.string() } }, async ({ text }) => ({ content: [{ type: 'text', text }] }));
  return server;
}

const transports = new Map();

async function transportOf(req) {
  const known = transports.get(req.headers['mcp-session-id']);
  if (known || req.headers['mcp-session-id']) return known;
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: process.env.JSON === '1',
    onsessioninitialized: (id) => transports.set(id, transport),
  });
  transport.onclose = () => transports.delete(transport.sessionId);
  await newServer().connect(transport);
  return transport;
}

createServer(async (req, res) => {
  if (!req.url.startsWith('/mcp')) return res.writeHead(404).end();
  const transport = await transportOf(req);
  if (!transport) return res.writeHead(404).end();
  await transport.handleRequest(req, res);
}).listen(process.env.PORT, '127.0.0.1');
