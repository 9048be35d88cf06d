// Uses "mcpdiag mcp" as an assistant does, with an SDK's client, and prints what came:
// node assist.mjs v1|v2|v2-modern ADDRESS|PROGRAM CALLS [ARGUMENT…]
// CALLS is JSON: [[tool, arguments]…]. An address is spoken to over HTTP, a program over its
// standard streams. Then a long monitor of this process is cancelled.
const [, , which, server, calls, ...args] = process.argv;
const v1 = which === 'v1';
const { Client, StreamableHTTPClientTransport, StdioClientTransport } = v1
  ? {
      ...await import('@modelcontextprotocol/sdk/client/index.js'),
      ...await import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
      ...await import('@modelcontextprotocol/sdk/client/stdio.js'),
    }
  : { ...await import('@modelcontextprotocol/client'), ...await import('@modelcontextprotocol/client/stdio') };
const options = which === 'v2-modern' ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {};
const client = new Client({ name: 'test', version: '1' }, options);
const http = server.startsWith('http');
const transport = http ? new StreamableHTTPClientTransport(new URL(server)) : new StdioClientTransport({ command: server, args });
await client.connect(transport);
const call = (name, args, options) => v1
  ? client.callTool({ name, arguments: args }, undefined, options)
  : client.callTool({ name, arguments: args }, options);
// The client has the schemas now, and checks each result against its own.
const tools = (await client.listTools()).tools.map((tool) => tool.name).sort();
const prompts = (await client.listPrompts()).prompts.length;
const results = [];
for (const [name, args] of JSON.parse(calls)) {
  const result = await call(name, args);
  results.push({ head: result.content[0].text.split('\n')[0], failed: result.isError === true, structured: result.structuredContent !== undefined, text: result.content[0].text.length });
}
const abort = new AbortController();
let progress = 0;
const long = call('monitor', { pid: process.pid, seconds: 600 }, {
  signal: abort.signal,
  onprogress: () => { progress++; abort.abort('enough'); },
});
const cancelled = await long.then(() => false, () => true);
console.log(JSON.stringify({ tools, prompts, results, progress: progress > 0, cancelled }));
if (v1 && http) await transport.terminateSession();
await client.close();
