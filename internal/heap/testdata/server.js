// Serves one request for each line on standard input and answers with the number of
// requests so far. Each request leaves a session in a Map.
const registry = { sessions: new Map() };

class Session {
  constructor(id) {
    this.id = id;
    this.log = ['secret-entry-' + id];
  }
}

let served = 0;

function handle() {
  registry.sessions.set('secret-key-' + served, new Session(served));
  served++;
}

require('readline').createInterface({ input: process.stdin }).on('line', () => {
  for (let i = 0; i < 100; i++) handle();
  console.log(served);
});
console.log('ready');
