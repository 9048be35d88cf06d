// An MCP server whose tool spends 2 ms in hotLoop. Usage: node hotmcp.js [PORT [PAUSE]];
// without a port it speaks over its standard streams; answers come after a pause in ms.
const http = require('http');

const pause = Number(process.argv[3] || 0);

require('v8').setFlagsFromString('--no-turbo-inlining'); // hotLoop keeps its name

function hotLoop(until) {
  let sum = 0;
  while (performance.now() < until) for (let i = 0; i < 1e4; i++) sum += Math.sqrt(i);
  return sum;
}

function answer(method) {
  switch (method) {
    case 'initialize':
      return { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'hot', version: '1' } };
    case 'tools/list':
      return { tools: [{ name: 'work', inputSchema: { type: 'object' } }] };
    case 'tools/call':
      return { content: [{ type: 'text', text: String(hotLoop(performance.now() + 2)) }] };
  }
  return {};
}

function reply(line) {
  const { id, method } = JSON.parse(line);
  return id === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', id, result: answer(method) });
}

if (process.argv[2]) {
  http.createServer((req, res) => {
    let body = '';
    req.on('data', (part) => { body += part; });
    req.on('end', () => {
      const text = req.method === 'POST' ? reply(body) : '';
      setTimeout(() => {
        res.writeHead(req.method !== 'POST' ? 405 : text ? 200 : 202, { 'Content-Type': 'application/json' });
        res.end(text);
      }, pause);
    });
  }).listen(Number(process.argv[2]), '127.0.0.1', function () { console.log('ready\nhttp://127.0.0.1:' + this.address().port + '/mcp'); });
} else {
  require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const text = reply(line);
    if (text) process.stdout.write(text + '\n');
  });
}
