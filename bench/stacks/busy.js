'use strict';
// A process with several threads that all run JavaScript, a heap of MEGABYTES and SUSPENDED async functions, which dies.
//   node busy.js MEGABYTES WORKERS SUSPENDED
const {Worker, isMainThread, workerData} = require('worker_threads');

function recurse(depth, then) { return depth === 0 ? then() : recurse(depth - 1, then) + 1; }

if (!isMainThread) {
  const shared = new Int32Array(workerData);
  recurse(50, () => {
    Atomics.add(shared, 0, 1);
    Atomics.notify(shared, 0);
    for (;;) Math.sqrt(2);
  });
}

const [megabytes, workers, suspended] = process.argv.slice(2).map(Number);
const kept = [];
for (let i = 0; i < megabytes * 6554; i++) kept.push({id: i, name: 'n' + i, values: [i, i + 1], next: kept[i >> 1]});

const waiting = [];
async function query(i) { await new Promise((resolve) => waiting.push(resolve)); return i; }
async function handler(i) { return await query(i); }
for (let i = 0; i < suspended / 2; i++) kept.push(handler(i));

const shared = new Int32Array(new SharedArrayBuffer(4));
for (let i = 0; i < workers; i++) new Worker(__filename, {workerData: shared.buffer});
(function wait() {
  if (Atomics.load(shared, 0) < workers) return setTimeout(wait, 10);
  console.log(JSON.stringify({megabytes, workers, suspended, objects: kept.length}));
  recurse(50, () => process.abort());
})();
