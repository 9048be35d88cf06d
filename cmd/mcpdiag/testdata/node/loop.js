// Stays in one loop for seconds, which V8 optimizes while it runs.
let ready = false;

function spin() {
  let sum = 0;
  const begin = Date.now();
  for (let passed = 0; passed < 5000; passed = Date.now() - begin) {
    for (let i = 0; i < 1000; i++) sum += Math.sqrt(i);
    if (!ready && passed > 300) {
      ready = true;
      require('fs').writeSync(1, 'ready\n');
    }
  }
  setTimeout(spin, 0);
}

setTimeout(spin, 0);
