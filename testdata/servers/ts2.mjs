// A server of version 2 of the TypeScript SDK: the revision without sessions, and older clients served without them.
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import { z } from 'zod';

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'ts2', version: '2' });
  server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, async ({ text }) => ({ content: [{ type: 'text', text }] }));
  return server;
});

createServer(async (req, res) => {
  if (!req.url.startsWith('/mcp')) return res.writeHead(404).end();
  const body = req.method === 'POST' ? Readable.toWeb(req) : undefined;
  const answer = await handler.fetch(new Request('http://' + req.headers.host + req.url, { method: req.method, headers: req.headers, body, duplex: 'half' }));
  res.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (!answer.body) return res.end();
  Readable.fromWeb(answer.body).pipe(res);
}).listen(process.env.PORT, '127.0.0.1');
