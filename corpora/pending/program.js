'use strict';
// Requests that wait: 10,000 pending ones of three kinds, and next to them generators, combinators, timers, handles,
// errors and functions in all tiers. It says how many of each there are and where they stand, by V8's own words: one
// request of each kind waits for probe() instead of its promise and is named in the Error.stack that probe() takes
// when it goes on. Then an async function goes on that has a tail of others, and dies.
const {promisify} = require('util');
const net = require('net');
const fs = require('fs');
Error.stackTraceLimit = 100;

const kept = [];     // what must stay alive
const probes = [];   // {name, stack}
const counts = {};
function tally(name, count) { counts[name] = (counts[name] || 0) + count; }

async function probe(name) {
  for (let i = 0; i < 20; i++) await null;  // until whoever waits for it does
  probes.push({name, stack: new Error('probe').stack});
  return [];
}

// The first kind: a function that awaits a function that awaits a timer.
async function query(ready) {
  const rows = await ready;
  return rows.length;
}
async function handler(ready) {
  return 1 + await query(ready);
}
function byTimer() {
  return new Promise(resolve => kept.push(setTimeout(resolve, 3600000)));
}

// The second: methods, through a promise in between.
class Store {
  async load(ready) {
    return [await ready];
  }
  async refresh(ready) {
    const loaded = this.load(ready).then(rows => rows[0]);
    await loaded;
  }
}

// The third: arrow functions below Promise.all, one of two already done.
const item = async ready => { await ready; };
async function batch(ready) {
  await Promise.all([item(Promise.resolve()), item(ready)]);
}

// Others, a few of each.
async function* pages(ready) {
  yield 1;
  yield await ready;
}
async function reader(ready) {
  for await (const page of pages(ready)) kept.push(page);
}
async function racer(ready) {
  await Promise.race([ready, item(new Promise(keep))]);
}
async function settler(ready) {
  await Promise.allSettled([Promise.resolve(), ready]);
}
async function first(ready) {
  await Promise.any([Promise.reject(new Error('no')), ready]);
}
function* numbers() {
  yield 1;
  kept.push('between');
  yield 2;
}
function keep(resolve) { kept.push(resolve); }

const store = new Store();
const scale = Number(process.argv[2] || 1);
const kinds = {
  handler: [handler, 5000 * scale, byTimer],
  refresh: [ready => store.refresh(ready), 3000 * scale],
  batch: [batch, 2000 * scale],
  reader: [reader, 30],
  racer: [racer, 20],
};
if (Promise.allSettled) kinds.settler = [settler, 12];
if (Promise.any) kinds.first = [first, 11];

function start() {
  for (const [name, [run, count, ready]] of Object.entries(kinds)) {
    for (let i = 0; i < count; i++) kept.push(run(ready ? ready() : new Promise(keep)));
    tally(name, count);
    kept.push(run(probe(name)));
  }
  for (let i = 0; i < 25; i++) {
    const generator = numbers();
    generator.next();
    if (i < 15) generator.next();
    kept.push(generator);
  }
  for (let i = 0; i < 5; i++) kept.push(numbers());  // not started
}

// Promises that nobody waits for.
class Idle extends Promise {}
for (let i = 0; i < 7; i++) kept.push(new Idle(() => {}));

// Timers and immediates: some are called off.
function onTimer() {}
function onImmediate() {}
for (let i = 0; i < 40; i++) kept.push(setTimeout(onTimer, 5000000));
for (let i = 0; i < 10; i++) kept.push(setInterval(onTimer, 7000000));
for (let i = 0; i < 4; i++) clearTimeout(kept[kept.length - 1 - i]);

// Errors: in pairs made at one place, of which one is asked for its stack.
class StoreError extends Error {
  constructor(message) {
    super(message);
    this.name = 'StoreError';
    this.code = 42;
  }
  static make(message) { return new StoreError(message); }
}
class Maker {
  make(message) { return new TypeError(message); }
  get made() { return new RangeError(this.message); }
}
function inner(message) { return new Error(message); }
const makers = {
  plain: message => inner(message),
  named: message => StoreError.make(message),
  method: message => new Maker().make(message),
  getter: message => Object.assign(new Maker(), {message}).made,
  aliased: message => ({renamed: inner}).renamed(message),
  mapped: message => [message].map(function each(text) { return inner(text); })[0],
  constructed: message => new (function Old() { this.error = inner(message); })().error,
  evaluated: message => eval('inner(message)'),
  native: () => { try { null.x; } catch (error) { return error; } },
  noMessage: () => new Error(),
};
const errors = [];
function makeErrors() {
  for (const [name, make] of Object.entries(makers)) {
    const pair = [];
    for (let i = 0; i < 2; i++) pair.push(make(`${name} pair`));
    kept.push(pair[1]);
    errors.push({name, class: pair[0].constructor.name, message: pair[0].message, stack: pair[0].stack});
    kept.push(pair[0]);
  }
}

// Functions in their tiers.
const native = new Function('name', 'argument', 'return eval(`%${name}(argument)`)');
require('v8').setFlagsFromString('--allow-natives-syntax');
const tiers = {};
function interpreted(n) { return n + 1; }
function baseline(n) { return n + 2; }
function maglev(n) { return n + 3; }
function turbofan(n) { return n + 4; }
function never(n) { return n + 5; }
function settle() {
  // Older ones die of what they do not know.
  const [major, minor] = process.versions.v8.split('.').map(Number);
  const since = (a, b, names) => (major > a || (major === a && minor >= b) ? names : []);
  if (!since(7, 8, [1]).length) return;
  const force = {interpreted: [], baseline: since(9, 4, ['CompileBaseline']),
                 maglev: since(11, 3, ['OptimizeMaglevOnNextCall']),
                 turbofan: ['OptimizeFunctionOnNextCall']};
  for (const f of [interpreted, baseline, maglev, turbofan]) {
    try {
      for (const name of ['PrepareFunctionForOptimization']) { try { native(name, f); } catch (e) { } }
      for (let i = 0; i < 3; i++) f(i);
      for (const name of force[f.name]) native(name, f);
      f(4);
    } catch (error) { }
    let status = 0;
    try { status = native('GetOptimizationStatus', f); } catch (error) { }
    tiers[f.name] = {status, source: f.toString()};
  }
  tiers.never = {status: -1, source: never.toString()};
  tiers.Store = {status: -1, source: Store.toString()};
}

async function goOn() {
  await null;
  const [read, unread] = [0, 1].map(() => new Error('tail pair'));
  kept.push(unread, read);
  errors.push({name: 'tail', class: 'Error', message: 'tail pair', stack: read.stack});
  for (let i = 0; i < 5; i++) fs.stat('/', onStat);
  for (let i = 0; i < 6; i++) kept.push(setImmediate(onImmediate));
  clearImmediate(kept[kept.length - 1]);
  for (let i = 0; i < 9; i++) kept.push(next(i));
  tally('next', 9);
  die(new Error('last').stack);
}
async function next(i) {
  await i;  // there already: it goes on as soon as others have
  kept.push(i);
}
function onStat() {}
class Outer {
  async middle() {
    await goOn();
  }
  static async outer() {
    await Promise.all([null, new Outer().middle()]);
  }
}
async function outermost() {
  await Outer.outer().then(x => x);
}
function die(tail) {
  console.log(JSON.stringify({counts, probes, errors, tiers, tail, file: __filename, v8: process.versions.v8}));
  process.abort();
}

start();
makeErrors();
settle();
const server = net.createServer(() => {});
server.listen(0, '127.0.0.1', () => setTimeout(outermost, 50));
