'use strict';
// Several isolates with known and different contents. argv: [2] number of workers.
const fs = require('fs');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

class Shared {
  constructor(i) {
    this.i = i;
  }
}

class InMain extends Object {
  constructor(i) {
    super();
    this.name = 'main ' + i;
  }
}

class InWorker {
  constructor(i) {
    this.name = 'worker ' + i;
    this.tags = [i];
  }
}

function fill(number, make) {
  return Array.from({ length: number }, (_, i) => make(i));
}

if (isMainThread) {
  const workers = Number(process.argv[2] || 3);
  global.kept = [fill(4000, (i) => new InMain(i)), fill(7, (i) => new Shared(i))];
  const isolates = [{ InMain: 4000, Shared: 7 }];
  let ready = 0;
  for (let k = 1; k <= workers; k++) {
    isolates.push({ InWorker: 1000 * k, Shared: 10 * k });
    const worker = new Worker(__filename, { workerData: { k } });
    worker.on('message', () => {
      if (++ready < workers) return;
      const counts = {};
      for (const isolate of isolates) {
        for (const name of Object.keys(isolate)) counts[name] = (counts[name] || 0) + isolate[name];
      }
      fs.writeSync(1, JSON.stringify({ counts, isolates, node: process.version }) + '\n');
      process.abort();
    });
  }
} else {
  const { k } = workerData;
  global.kept = [fill(1000 * k, (i) => new InWorker(i)), fill(10 * k, (i) => new Shared(i))];
  parentPort.on('message', () => {});
  parentPort.postMessage('ready');
}
