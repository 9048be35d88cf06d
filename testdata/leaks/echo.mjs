// The tool that all servers here offer. Its memory behaviour comes from the environment:
// CACHE=N fills a cache of N entries of 32 KB, SHAPE names a healthy shape with entries of
// ENTRY bytes (see bench/memory), and LEAK=N keeps N bytes of each call.
const [entries, leak, entry] = [process.env.CACHE ?? 0, process.env.LEAK ?? 0, process.env.ENTRY ?? 4 << 10].map(Number);
const cache = new Map();
const kept = [];
let calls = 0;

const [, shape, number] = /^([a-z]*)([0-9]*)$/.exec(process.env.SHAPE ?? '');
const grow = {
  held: () => { const held = filled(entry); setTimeout(() => held.length, number * 1000); },
  lru: () => { if (calls % 4 === 0) cache.set(-1 - (calls / 4) % number, filled(entry)); },
  cap: () => { if (cache.size < number) cache.set(-calls, filled(entry)); },
  clear: () => { kept.push(filled(entry)); },
  warm: () => { if (calls <= number) kept.push(filled(128 << 10)); },
}[shape] ?? (() => {});
if (shape === 'clear') setInterval(() => { kept.length = 0; }, number * 1000);

// filled returns a unique string in the heap, one byte per character.
const filled = (n) => Buffer.alloc(n, String(calls)).toString('latin1');

function work() {
  calls++;
  grow();
  if (entries && !cache.has(calls % entries)) cache.set(calls % entries, filled(32 << 10));
  if (leak) kept.push(filled(leak));
}

export function echo(server) {
  server.registerTool('echo', { description: 'Say something back' }, async () => {
    work();
    return { content: [{ type: 'text', text: 'hi' }] };
  });
}
