// Usage: node --expose-gc leak.js FOLDER SESSIONS
//
// Writes three heap snapshots of a process with so many sessions in a store, one, two
// and three, and keeps 2,000 more sessions between two of them. A thousand sessions are
// about 1 MB of a snapshot.
const path = require('path');
const v8 = require('v8');

class Session {
  constructor(id) {
    this.id = 'session-' + id;
    this.opened = new Date(id);
    this.pending = new Map([[id, { method: 'tools/call', params: { name: 'echo', arguments: { n: id + 0.5 } } }]]);
    this.log = [{ at: id, text: 'opened by ' + id }, { at: id + 1, text: 'initialized' }];
    this.close = () => this.pending.delete(id);
    this.done = Promise.resolve(this);
  }
}

const [folder, sessions] = [process.argv[2], Number(process.argv[3])];
const store = { byID: new Map() };
let id = 0;
const open = (n) => {
  for (; n > 0; n--, id++) store.byID.set(id, new Session(id));
};
exports.open = open;
open(sessions);
for (const name of ['one', 'two', 'three']) {
  global.gc();
  v8.writeHeapSnapshot(path.join(folder, name + '.heapsnapshot'));
  open(2000);
}
