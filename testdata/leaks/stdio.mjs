// A server over standard streams, for the gateways to stand before.
import { McpServer } from 'sdk-1/server/mcp.js';
import { StdioServerTransport } from 'sdk-1/server/stdio.js';
import { echo } from './echo.mjs';

const server = new McpServer({ name: 'stdio', version: '1' });
echo(server);
await server.connect(new StdioServerTransport());
