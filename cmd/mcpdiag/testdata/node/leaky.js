// An HTTP server with a snapshot endpoint. Each other request leaves a session in a Map.
const http = require('http');

const registry = { sessions: new Map() };
let calls = 0;

class Session {
  constructor(id) {
    this.id = id;
    this.log = ['secret-entry-' + id, Array(20).fill(id)];
  }
}

function handle() {
  registry.sessions.set('secret-key-' + calls, new Session(calls));
  calls++;
}

const server = http.createServer((req, res) => {
  if (req.url.startsWith('/debug/snapshot')) {
    const heapUsedMB = process.memoryUsage().heapUsed / 2 ** 20;
    res.end(JSON.stringify({ timestamp: new Date().toISOString(), pid: process.pid, heapUsedMB, activeSessions: 0, callsTotal: calls, toolCallStack: [] }));
    return;
  }
  handle();
  res.end('ok');
});
server.listen(0, '127.0.0.1', () => console.log('ready\nhttp://127.0.0.1:' + server.address().port));
