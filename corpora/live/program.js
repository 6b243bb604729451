'use strict';
// Stops itself twice with known contents, which differ, and dies then. Each time it prints what a debugger should find: the
// Error.stack of the line that stops it, and what lives.
const fs = require('fs');
const {Worker, isMainThread, parentPort} = require('worker_threads');

Error.stackTraceLimit = Infinity;
Error.prepareStackTrace = (error, sites) => sites.map((site) => ({shown: String(site), line: site.getLineNumber()}));

class Session {
  constructor(i) {
    this.id = i;
    this.name = 'session ' + i;
  }
}
class Marker {
  constructor(step) {
    this.step = step;
    this.text = 'step number ' + step;
    this.first = global.sessions[0];
  }
}

function tell(step) {
  const frames = new Error('now').stack.slice(1);
  const sessions = global.sessions.length;
  fs.writeSync(1, JSON.stringify({step, frames, counts: {Session: sessions, Marker: 1, InWorker: 50}, node: process.version}) + '\n');
}

class Steps {
  one(number) {
    global.sessions = Array.from({length: 1000}, (_, i) => new Session(i));
    global.marker = new Marker(number);
    return [1].map((x) => this.stop(x, 'here'));
  }
  stop(number, word) {
    tell(number); process.kill(process.pid, 'SIGTRAP');
    return this.two(number + 1) + word.length;
  }
  two(number) {
    for (let i = 0; i < 500; i++) global.sessions.push(new Session(1000 + i));
    global.marker = new Marker(number);
    tell(number); process.abort();
  }
}

class InWorker {
  constructor(i) {
    this.i = i;
  }
}

if (isMainThread) {
  const worker = new Worker(__filename);
  worker.on('message', () => setTimeout(() => new Steps().one(1), 100));  // then the worker waits
} else {
  global.kept = Array.from({length: 50}, (_, i) => new InWorker(i));
  parentPort.postMessage('ready');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
