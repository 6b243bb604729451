'use strict';
// Calls getppid of the C library (process.ppid) from known stacks, and tells these by Error.stack, taken on the same line.
//
//   node frames.js chains [WORKER]     through every tier of V8, inlined calls, callbacks of builtins, a constructor, eval, async
//   node frames.js random COUNT [MS]   one of fifty functions at a time, while others make garbage; all of it in one go
//   node frames.js exit                the process ends right after the call
//   node frames.js crash COUNT MS FILE COUNT calls through the same functions, MS apart, and abort right after the last one
//   node frames.js siblings COUNT FILE the same by functions made anew, on new objects of classes with a method in common
// FILE gets what is printed otherwise.
// The last line of the output is a JSON object.
const {Worker, isMainThread, workerData} = parseInt(process.versions.node) >= 12 ? require('worker_threads') : {isMainThread: true};
Error.stackTraceLimit = 100;
Error.prepareStackTrace = (error, sites) => sites.map(String);
const stacks = [];
let left = 0;  // calls until the process aborts; 0: it does not

function hit() {
  stacks.push(new Error('now').stack); if (left === 1) print({stacks}, process.argv[process.argv.length - 1]); const id = process.ppid; if (left && --left === 0) process.abort(); return id;
}

// One function makes the call for all: it is megamorphic, so that optimised code does not inline it.
const hooks = Array.from({length: 8}, (_, i) => eval(`((n, then) => then ? then(n) : n + ${i})`));
function leaf(n, then) {
  return hooks[n & 7](n, then) + 1;
}
function middle(n, then) {
  return leaf(n, then) + leaf(n + 1, null);
}
function hot(n, then) {
  let sum = 0;
  for (let i = 0; i < 4; i++) sum += middle(n + i, i === 3 ? then : null);
  return sum;
}
class Order {
  constructor(then) {
    this.sum = hot(3, then);
  }
  get total() {
    return new Order(this.then).sum;
  }
  toJSON() {
    return {total: this.total};
  }
}
function viaToJson() {
  const order = Object.create(Order.prototype, {then: {value: hit}});
  return JSON.stringify([order]);
}
function viaMap() {
  return [1].map(function each() {
    return [2].forEach((x) => viaToJson(x));
  });
}
const viaEval = new Function('f', 'return (function inEval() {\n  return f();\n})();');
function viaSort() {
  return [2, 1].sort((a, b) => (hit(), a - b));
}
function viaReplace() {
  return 'abc'.replace(/b/, () => String(hit()));
}
function viaReflect() {
  return Reflect.apply(hit, undefined, []);
}
function viaBound() {
  return hit.bind(null)();
}
async function viaAsync() {
  await null;
  return viaEval(viaMap);
}

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

async function chains() {
  hit();  // the tracer finds out about this V8
  await pause(1500);
  for (let i = 0; i < 20000; i++) hot(i & 7, null);
  for (let round = 0; round < 3; round++) {
    for (const via of [() => hot(2, hit), viaMap, viaSort, viaReplace, viaReflect, viaBound, () => viaEval(viaToJson), viaAsync]) {
      await via();
      await pause(40);
    }
  }
  await new Promise((resolve) => setTimeout(() => resolve(hit()), 20));
}

function print(what, file) {
  const text = JSON.stringify(what) + '\n';
  if (file) require('fs').writeFileSync(file, text);
  else require('fs').writeSync(1, text);
}

// Behind a collection another one of these may lie where one was.
class Sibling {
  run() {
    return hit();
  }
}
function makeFunction() {
  return new Function('one', `return (function made${Math.floor(Math.random() * 1e6)}() { return one.run(); })();`);
}
function siblings() {
  const kinds = Array.from({length: 7}, (_, i) => eval(`(class Kind${i} extends Sibling { constructor() { super(); this.i = ${i}; } })`));
  const make = () => new kinds[Math.floor(Math.random() * kinds.length)]();
  const kept = [];
  for (let n = 0, made; ; n++) {
    if (n % 10 === 0) made = makeFunction();
    for (let i = 0; i < 500; i++) kept[Math.floor(Math.random() * 20000)] = make();
    const one = make(), seed = Math.random();
    (() => [made(one), seed])();
  }
}

async function main(mode, ...words) {
  if (mode === 'chains' && words[0] === 'worker' && isMainThread) {
    return void new Worker(__filename, {workerData: words, argv: process.argv.slice(2)});
  }
  if (mode === 'chains') {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await chains();
    await new Promise((resolve) => setTimeout(resolve, 500));
    print({stacks});
  }
  if (mode === 'random') {
    const kinds = [
      (i) => `(function kind${i}() { return process.ppid; })`,
      (i) => `({kind${i}: () => process.ppid}).kind${i}`,
      (i) => `(() => { const inner = function kind${i}() { return process.ppid; }; return () => inner(); })()`,
    ];
    const functions = Array.from({length: 50}, (_, i) => eval(kinds[i % kinds.length](i)));
    // Some are made anew all the time, so that they are young when they are called.
    const makers = functions.map((_, i) => new Function(`return function kind${i}() { return process.ppid; }`));
    const calls = [];
    const until = parseInt(words[1] || '0');
    for (let i = 0; i < parseInt(words[0]); i++) {
      const which = Math.floor(Math.random() * functions.length);
      calls.push(which);
      if (i % 2) functions[which]();
      else makers[which]()();
      let garbage = [];
      for (let k = 0; k < 40; k++) garbage.push({i, k, text: 'x' + k});
      if (until) await new Promise((resolve) => setTimeout(resolve, until));
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    print({calls});
  }
  if (mode === 'crash') {
    for (let i = 0; i < 20000; i++) hot(i & 7, null);
    const until = parseInt(words[1] || '0');
    for (left = parseInt(words[0]);;) {
      for (const via of [() => hot(2, hit), viaMap, viaSort, viaReplace, viaReflect, viaBound, () => viaEval(viaToJson), viaAsync]) {
        await via();
        if (until) await pause(until);
      }
    }
  }
  if (mode === 'siblings') {
    left = parseInt(words[0]);
    siblings();
  }
  if (mode === 'exit') {
    (function last() {
      process.ppid;
      process.reallyExit(0);
    })();
  }
}
main(...process.argv.slice(2));
