// Spends most of its time in hotLoop, called by handleRequest.
function hotLoop(until) {
  let sum = 0;
  while (Date.now() < until) for (let i = 0; i < 1e5; i++) sum += Math.sqrt(i);
  return sum;
}

function handleRequest() {
  hotLoop(Date.now() + 20);
}

setInterval(handleRequest, 25);
console.log('ready');
