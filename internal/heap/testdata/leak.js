// Usage: node leak.js MODE FOLDER
//
// Serves 500 requests, writes a heap snapshot, serves 1,000 more and writes another
// one. "leak" keeps a session for each request, "mended" the last 50 of them,
// "spread" one for each request in the log of one of 100 clients, "symbol" one in a map
// whose name is a symbol. Others keep 100 numbers: "array", "set", "buffer" as bytes, and
// "ring" the last 10,000 of them.
const v8 = require('v8');
const path = require('path');

const [mode, folder] = process.argv.slice(2);

class Session {
  constructor(id) {
    this.id = id;
    this.log = ['secret-entry-' + id];
  }
}

class Hub {
  constructor() {
    this.byToken = {};
  }
}

const registry = { sessions: new Map(), limit: 50 };
const hub = new Hub();

const kById = Symbol('kById');
const index = { [kById]: new Map() };
const metrics = { samples: [], seen: new Set(), ring: [], bytes: Buffer.alloc(0) };

const keepNumbers = {
  array: (numbers) => metrics.samples.push(...numbers),
  set: (numbers) => numbers.forEach((n) => metrics.seen.add(n)),
  buffer: (numbers) => (metrics.bytes = Buffer.concat([metrics.bytes, Buffer.from(numbers)])),
  ring: (numbers) => (metrics.ring = metrics.ring.concat(numbers).slice(-10000)),
};

const clients = Array.from({ length: 100 }, () => ({ seen: new Map() }));

function handle(id) {
  if (mode === 'spread') return clients[id % 100].seen.set(id, new Session(id));
  if (mode === 'symbol') return index[kById].set(id, new Session(id));
  if (mode in keepNumbers) return keepNumbers[mode](Array.from({ length: 100 }, (_, i) => 100 * id + i));
  const key = mode === 'leak' ? id : id % registry.limit;
  registry.sessions.set('secret-key-' + key, new Session(id));
  hub.byToken['secrettoken' + key] = { owner: 'secret-owner-' + id };
}

exports.handle = handle;
for (let id = 0; id < 500; id++) handle(id);
v8.writeHeapSnapshot(path.join(folder, 'a.heapsnapshot'));
for (let id = 500; id < 1500; id++) handle(id);
v8.writeHeapSnapshot(path.join(folder, 'b.heapsnapshot'));
