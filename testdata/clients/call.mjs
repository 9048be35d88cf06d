// Calls the tool echo of a server with an SDK's client, and prints what came:
// node call.mjs v1|v2|v2-modern URL
const [, , which, url] = process.argv;
const { Client, StreamableHTTPClientTransport } = which === 'v1'
  ? { ...await import('@modelcontextprotocol/sdk/client/index.js'), ...await import('@modelcontextprotocol/sdk/client/streamableHttp.js') }
  : await import('@modelcontextprotocol/client');
const options = which === 'v2-modern' ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {};
const client = new Client({ name: 'test', version: '1' }, options);
const transport = new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
const tools = (await client.listTools()).tools.map((tool) => tool.name).sort();
const result = await client.callTool({ name: 'echo', arguments: { text: 'grüße 日本 ' + 'x'.repeat(100000) } });
console.log(JSON.stringify({ tools, length: result.content[0].text.length, start: result.content[0].text.slice(0, 8) }));
if (which === 'v1') await transport.terminateSession();
await client.close();
