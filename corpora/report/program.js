'use strict';
// A process with everything in its event loop that a diagnostic report tells about. It writes its own report to report.json
// (process.report.writeReport) and dies right behind it.
const childProcess = require('child_process');
const dgram = require('dgram');
const fs = require('fs');
const net = require('net');
const os = require('os');
const path = require('path');
const v8 = require('v8');
const {Worker} = require('worker_threads');

const WAITING = 'const {parentPort} = require("worker_threads"); parentPort.on("message", () => {}); parentPort.postMessage("ready")';
const NESTING = `const {Worker, parentPort} = require("worker_threads");
  globalThis.inner = new Worker(${JSON.stringify(WAITING)}, {eval: true});
  globalThis.inner.on("message", () => parentPort.postMessage("ready"));
  globalThis.ticking = setInterval(() => {}, 1e7);`;
const BUSY = `function spinning(shared) { while (Atomics.load(shared, 0) === 0); }
  const {parentPort, workerData} = require("worker_threads");
  parentPort.postMessage("ready");
  setTimeout(function busy() { spinning(workerData); }, 10);`;

const kept = [];
const connected = emitter => new Promise(done => emitter.once('connect', () => done(emitter)));
const listening = (server, ...where) => new Promise(done => server.listen(...where, () => done(server)));
const ready = worker => new Promise(done => worker.once('message', () => done(worker)));
const later = delay => new Promise(done => setTimeout(done, delay));

async function main() {
  process.title = 'report of a process';
  kept.push(require('./data.json'));
  const imported = await import('./module.mjs').then(() => 'module.mjs', () => null);
  const inline = await import('data:text/javascript,export%20const%20inline%20=%207').then(() => true, () => false);
  const wasm = new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
  kept.push(wasm);

  const sockets = [];
  const server = await listening(net.createServer(socket => { socket.pause(); sockets.push(socket); }), 0, '127.0.0.1');
  const idle = await connected(net.connect(server.address().port, '127.0.0.1'));
  const asked = await connected(net.connect(server.address().port, '127.0.0.1'));
  const full = await connected(net.connect(server.address().port, '127.0.0.1'));
  asked.addresses = [asked.remoteAddress, asked.localAddress];
  full.write(Buffer.alloc(30 << 20));  // nobody reads: most of it stays in libuv's queue
  const half = await connected(net.connect(server.address().port, '127.0.0.1'));
  half.end();
  const dual = await listening(net.createServer(() => {}), 0, '::1').catch(() => null);

  const name = path.join(process.cwd(), 'pipe');
  const pipes = [];
  const pipe = await listening(net.createServer(socket => pipes.push(socket)), name);
  const client = await connected(net.connect(name));
  const udp = dgram.createSocket('udp4');
  await new Promise(done => udp.bind(0, '127.0.0.1', done));
  const child = childProcess.spawn('/bin/cat', []);
  process.on('SIGUSR2', () => {});
  kept.push(fs.watch(__dirname, () => {}), fs.watchFile(__filename, () => {}), setInterval(() => {}, 5e6), setTimeout(() => {}, 1e7).unref());

  const shared = new Int32Array(new SharedArrayBuffer(4));
  const workers = [
    new Worker(WAITING, {eval: true, name: 'named', resourceLimits: {maxOldGenerationSizeMb: 50, maxYoungGenerationSizeMb: 6}}),
    new Worker(NESTING, {eval: true, execArgv: ['--no-warnings'], argv: ['for', 'me']}),
    new Worker(BUSY, {eval: true, workerData: shared}),
  ];
  await Promise.all(workers.map(ready));
  kept.push(server, idle, full, half, dual, pipe, client, udp, child, workers, sockets, pipes, asked, os);
  await later(300);

  const known = {
    pid: process.pid, title: process.title, version: process.version, argv: process.argv, execArgv: process.execArgv,
    execPath: process.execPath, cwd: process.cwd(), uptime: process.uptime(), env: {...process.env}, heap: v8.getHeapStatistics(),
    spaces: v8.getHeapSpaceStatistics(), cpu: process.cpuUsage(), release: os.release(), kernel: os.version ? os.version() : '',
    workers: workers.map(worker => worker.threadId), imported, inline,
    modules: Object.keys(require.cache).map(file => ({file, size: fs.statSync(file).size})),
  };
  fs.writeSync(1, JSON.stringify({process: known, counts: {}, has_report: Boolean(process.report)}) + '\n');
  finish();
}

function finish() {
  die();
}

function die() {
  if (process.report) process.report.writeReport('report.json');
  process.abort();
}

main().catch(error => { console.error(error); process.exit(9); });
