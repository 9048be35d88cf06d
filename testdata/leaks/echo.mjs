// The tool that all servers here offer. Its memory behaviour comes from the environment:
// CACHE=N fills a cache of N entries of 32 KB, SHAPE names a healthy shape (see
// bench/memory), and LEAK=N keeps N bytes of each call.
const [entries, leak] = [Number(process.env.CACHE ?? 0), Number(process.env.LEAK ?? 0)];
const cache = new Map();
const kept = [];
let calls = 0;

const small = 4 << 10;
const shapes = {
  held30: () => { const held = filled(small); setTimeout(() => held.length, 30_000); },
  lru: () => { if (calls % 4 === 0) cache.set(-1 - (calls / 4) % 10_000, filled(small)); },
  cap5000: () => { if (cache.size < 5_000) cache.set(-calls, filled(small)); },
  clear60: () => { kept.push(filled(small)); },
  warm250: () => { if (calls <= 250) kept.push(filled(128 << 10)); },
};
const shape = shapes[process.env.SHAPE] ?? (() => {});
if (process.env.SHAPE === 'clear60') setInterval(() => { kept.length = 0; }, 60_000);

// filled returns a unique string in the heap, one byte per character.
const filled = (n) => Buffer.alloc(n, String(calls)).toString('latin1');

function work() {
  calls++;
  shape();
  if (entries && !cache.has(calls % entries)) cache.set(calls % entries, filled(32 << 10));
  if (leak) kept.push(filled(leak));
}

export function echo(server) {
  server.registerTool('echo', { description: 'Say something back' }, async () => {
    work();
    return { content: [{ type: 'text', text: 'hi' }] };
  });
}
