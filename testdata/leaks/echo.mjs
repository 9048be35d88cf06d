// The tool that all servers here offer. With CACHE=N in the environment its first
// calls fill a cache of so many entries of 32 KB, as a healthy server's do; with LEAK=N
// each call keeps so many bytes.
const [entries, leak] = [Number(process.env.CACHE ?? 0), Number(process.env.LEAK ?? 0)];
const cache = new Map();
const kept = [];
let calls = 0;

// filled is a string in the heap, one byte a character, and like no other.
const filled = (n) => Buffer.alloc(n, String(calls)).toString('latin1');

function work() {
  calls++;
  if (entries && !cache.has(calls % entries)) cache.set(calls % entries, filled(32 << 10));
  if (leak) kept.push(filled(leak));
}

export function echo(server) {
  server.registerTool('echo', { description: 'Say something back' }, async () => {
    work();
    return { content: [{ type: 'text', text: 'hi' }] };
  });
}
