'use strict';
// Dies in the way that argv[2] names, below a known chain of calls. Before that it prints the frames of Error.stack of the
// function that dies, which does so on the same line.
const childProcess = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');
const worker = require('worker_threads');

Error.stackTraceLimit = Infinity;
Error.prepareStackTrace = (error, sites) => sites.map((site) => ({shown: String(site), line: site.getLineNumber()}));
function tell(more) {
  const frames = new Error('now').stack.slice(more && more.compiled ? 2 : 1);
  fs.writeSync(1, JSON.stringify({frames, ...more}) + '\n');
}

// A library whose functions read address 16 and give up. Cores outlive it, so it is made once.
function addon() {
  const directory = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'inquest');
  const source = path.join(__dirname, 'crash_addon.c');
  const hash = crypto.createHash('sha1').update(fs.readFileSync(source)).digest('hex').slice(0, 8);
  const file = path.join(directory, `crash_addon-${hash}.node`);
  if (!fs.existsSync(file)) {
    const made = file + '.' + process.pid;
    fs.mkdirSync(directory, {recursive: true});
    childProcess.execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', made, source]);
    fs.renameSync(made, file);
  }
  return require(file);
}

class Deaths {
  constructor() {
    this.addon = null;
    this.kept = [];
  }
  native() {
    this.addon = addon();
    return [1].map((x) => this.readNull(x));
  }
  readNull(x) {
    tell({top: 'crash', called: {function: 'Object.crash', args: [x]}}); this.addon.crash(x);
  }
  fatal() {
    this.addon = addon();
    return [1].map((x) => this.giveUp(x));
  }
  giveUp(x) {
    tell({called: {function: 'Object.fail', args: [x]}}); this.addon.fail(x);
  }
  uncaught() {
    Object.defineProperty({}, 'broken', {get: () => { tell(); throw new RangeError('on purpose'); }}).broken;
  }
  memory() {
    tell({from: 'memory'}); for (;;) this.kept.push(new Array(1000).fill(this.kept.length + 0.5));
  }
  // argv[3] calls deep.
  deep() {
    function down(n) {
      if (n === 0) { tell(); process.abort(); }
      return down(n - 1) + 1;
    }
    return down(Number(process.argv[3]) - 1);
  }
  overflow() {
    // Where the stack is exhausted; a call of abort may still be too much, then the next function tries.
    function down(n) {
      try { return down(n + 1) + 1; } catch { process.abort(); }
    }
    tell({repeated: 'down'}); down(0);
  }
  // (module (import "m" "f" (func)) (func (call 0)) (func (export "run") (call 1)))
  wasm() {
    const bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1, 0x6d, 1, 0x66, 0, 0, 3, 3, 2, 0, 0, 7, 7, 1, 3,
                   0x72, 0x75, 0x6e, 0, 2, 10, 11, 2, 4, 0, 0x10, 0, 0x0b, 4, 0, 0x10, 1, 0x0b];
    const compiled = new WebAssembly.Module(new Uint8Array(bytes));
    new WebAssembly.Instance(compiled, {m: {f: () => { tell(); process.abort(); }}}).exports.run();
  }
  // As under --interpreted-frames-native-stack: functions compiled from here on have copies of the interpreter's entry.
  copies() {
    require('v8').setFlagsFromString('--interpreted-frames-native-stack');
    const chain = eval('(f => [1].map(function copied(x) { return f(x) + 1; }))');
    chain(() => { tell(); process.abort(); });
  }
  // In C++, called by optimised code. Nothing but the signal differs from the calls before.
  compiled(optimize = '%OptimizeFunctionOnNextCall(f)') {
    require('v8').setFlagsFromString('--allow-natives-syntax');
    const native = (text) => new Function('f', text);
    // Eight, so that optimised code does not inline them.
    const speakers = Array.from({length: 8}, (_, i) => eval(`((signal) => {
      if (signal !== 0) tell({called: {function: 'process._kill', args: [process.pid, signal]}, compiled: 'send'});
    })`));
    function send(i, signal) {
      speakers[i & 7](signal); process._kill(process.pid, signal); return i;
    }
    native('%PrepareFunctionForOptimization(f)')(send);
    for (let i = 0; i < 100; ++i) send(i, 0);
    native(optimize)(send);
    send(0, 0);
    [1].map((x) => send(x, os.constants.signals.SIGSEGV));
  }
  // The same by Maglev, where there is one.
  maglev() {
    require('v8').setFlagsFromString('--allow-natives-syntax');
    const optimize = '%OptimizeMaglevOnNextCall(f)';
    try {
      new Function('f', optimize);
    } catch {
      return this.compiled();
    }
    return this.compiled(optimize);
  }
  // A signal from another process. Node.js has a handler for it, which raises it again.
  sent() {
    const other = childProcess.spawn('sh', ['-c', `read go; kill -SEGV ${process.pid}`]);
    tell({sender: other.pid}); other.stdin.write('go\n');
    for (;;) this.kept.length = 0;
  }
  worker() {
    new worker.Worker(__filename, {argv: ['native'], env: worker.SHARE_ENV, workerData: 'native'});
  }
}
new Deaths()[worker.workerData || process.argv[2]]();
