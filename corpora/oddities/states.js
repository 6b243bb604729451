'use strict';
// Things in the middle of what they do.
const {describe, show, tell, attempt, evaluated} = require('./describe.js');
const never = new Promise(() => {});
const quiet = promise => (promise.catch(() => {}), promise);

// What is left of typed arrays whose prototypes were changed and that are prototypes themselves.
for (const kind of [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array]) {
  const one = kind.from([1, 2, 3]);
  Object.create(one).x;
  Object.setPrototypeOf(one, null);
  show(`lost${kind.name}`, one, {type: undefined});
}
const lostBig = BigInt64Array.from([-1n]);
Object.create(lostBig).x;
Object.setPrototypeOf(lostBig, Object.prototype);
show('lostBigInt64Array', lostBig, {type: undefined});
attempt(() => {
  const half = Float16Array.from([0.5, -2]); // eslint-disable-line no-undef
  Object.create(half).x;
  Object.setPrototypeOf(half, null);
  show('lostFloat16Array', half, {type: undefined});
});

// NaN of every pattern in a holey array, by way of a typed array.
const patterns = new BigUint64Array([0x7ff8000000000000n, 0xfff8000000000000n, 0xfff7fffffff7ffffn, 0xfff6fffffff6ffffn, 0x7ff0000000000001n, 0xffffffffffffffffn, 0x7ff4000000000000n]);
const nans = new Float64Array(patterns.buffer);
const holey = [0.5, , 1.5]; // eslint-disable-line no-sparse-arrays
for (const nan of nans) holey.push(nan);
show('nanPatterns', holey);
show('nanTyped', nans);
show('nanObject', {a: nans[2], b: nans[3], c: [nans[2]], d: 0.5});
const packed = [0.5];
for (const nan of nans) packed.push(nan);
show('nanPacked', packed);
const fromTyped = Array.from(nans), spread = [...nans], sliced = Array.prototype.slice.call(nans), filled = new Array(5).fill(nans[2]);
show('nanFromTyped', fromTyped);
show('nanSpread', spread);
show('nanSliced', sliced);
show('nanFilled', filled);
const dataRead = new DataView(patterns.buffer);
show('nanRead', [dataRead.getFloat64(16, true), 0.5, dataRead.getFloat64(24, true)]);

// Arrays of the largest lengths.
const longest = [];
longest.length = 4294967295;
show('longestEmpty', longest);
longest[4294967294] = 1;
longest.tail = 'x';
show('longest', longest);
const hugeHoley = new Array(40000000);
hugeHoley[39999999] = 'last';
show('hugeSparse', hugeHoley);

// Errors.
attempt(() => show('causeUndefined', new Error('x', {cause: undefined})));
attempt(() => show('causeChain', new Error('a', {cause: new Error('b', {cause: {why: [1]}})})));
Error.stackTraceLimit = 0;
show('noFrames', new Error('without frames'));
Error.stackTraceLimit = 10;
const before = Error.prepareStackTrace;
Error.prepareStackTrace = (error, frames) => ({prepared: true, frames: frames.length > 0});
const prepared = new Error('prepared');
prepared.stack;
Error.prepareStackTrace = before;
tell('preparedStack', prepared, {kind: 'error', type: 'Error'});
const messageGetter = new Error('x');
Object.defineProperty(messageGetter, 'message', {get: function computes() { return 'computed'; }});
show('messageGetter', messageGetter);
const stackNumber = new Error('y');
stackNumber.stack = 5;
show('stackNumber', stackNumber);
const frozenError = Object.freeze(new RangeError('frozen'));
show('frozenError', frozenError);
const manyProperties = Object.assign(new Error('many'), Object.fromEntries ? Object.fromEntries(Array.from({length: 40}, (_, i) => [`e${i}`, i])) : {});
show('errorWithMany', manyProperties);
class CustomError extends Error { constructor(...rest) { super(...rest); this.name = this.constructor.name; this.when = new Date(0); } get extra() { return 1; } }
class Sub2 extends CustomError {}
show('customError', new Sub2('deep'), {type: undefined});
show('errorPrototype', Object.create(new Error('as prototype')), {type: undefined});
attempt(() => show('aggregateOf', new AggregateError([new Error('1'), 2, null], 'msg', {cause: 'c'}))); // eslint-disable-line no-undef

// RegExp results and lastIndex.
attempt(() => show('indices', evaluated('return /(?<year>\\d+)-(?<m>x)?/d.exec("in 2024-")')));
const sticky = /b/y;
sticky.lastIndex = 1.5;
show('lastIndexFraction', sticky);
const big = /b/g;
big.lastIndex = 2 ** 40;
show('lastIndexHuge', big);
const frozenRegExp = Object.freeze(/f/g);
show('frozenRegExp', frozenRegExp);
const compiled = /old/;
compiled.compile('new[/]', 'i');
show('recompiled', compiled);
const atoms = /plain text/, once = /(a|b)+c/;
'plain text'.match(atoms), 'ababc'.match(once), once.test('aac');
show('atomRegExp', atoms);
show('usedRegExp', once);
attempt(() => show('allFlags', evaluated('return new RegExp("x", "dgimsuy")')));
attempt(() => show('manyGroups', /(?<a>.)(?<b>.)(?<c>.)?/u.exec('x\u{1f600}')));

// Collections that change while they are iterated.
const rehashed = new Map(Array.from({length: 64}, (_, i) => [i, i]));
const keys = rehashed.keys();
keys.next();
for (let i = 0; i < 60; i++) rehashed.delete(i);
for (let i = 100; i < 300; i++) rehashed.set(i, `n${i}`);
show('rehashed', rehashed);
tell('rehashedKeys', keys, {kind: 'iterator'});
const inLoop = new Set([1, 2, 3]);
for (const member of inLoop) {
  inLoop.delete(member);
  if (member < 20) inLoop.add(member + 3);
}
show('setInLoop', inLoop);
const hugeMap = new Map(Array.from({length: 390}, (_, i) => [`${i}`, {i}]));
show('hugeMap', hugeMap);
const nanMap = new Map([[nans[2], 'nan'], [0, 'zero'], ['', 'empty'], [undefined, 1], [null, 2]]);
nanMap.delete(0);
show('nanMap', nanMap);

// Promises.
const thenable = {then(done) { void done; }};
tell('waitsForThenable', Promise.resolve(thenable), {kind: 'promise', value: 'pending'});
const lots = new Promise(() => {});
for (let i = 0; i < 50; i++) lots.then(() => i);
tell('lotsOfReactions', lots, {kind: 'promise', value: 'pending', internal: {reactions: {length: 50}}});
attempt(() => tell('anyPending', Promise.any([never, quiet(Promise.reject(1))]), {kind: 'promise', value: 'pending'}));
tell('rejectedBare', quiet(Promise.reject()), {kind: 'promise', value: 'rejected', internal: {result: describe(undefined)}});
tell('rejectedError', quiet(Promise.reject(new TypeError('bad'))), {kind: 'promise', value: 'rejected', internal: {result: {kind: 'error', type: 'TypeError'}}});
tell('fulfilledWithPromiseLike', Promise.resolve([never]), {kind: 'promise', value: 'fulfilled', internal: {result: {kind: 'array', length: 1, elements: [[0, {kind: 'promise', value: 'pending'}]]}}});

// Generators and iterators.
async function* queued() { await never; yield 1; }
const withRequests = queued();
withRequests.next(), withRequests.next(), quiet(withRequests.return(5));
tell('queuedRequests', withRequests, {kind: 'async-generator', internal: {function: {kind: 'function', value: 'queued'}}});
function* catches() { try { yield 1; } catch (e) { yield 2; } finally { yield 3; } }
const inCatch = catches();
inCatch.next(), inCatch.throw(new Error('x'));
tell('inCatch', inCatch, {kind: 'generator', value: 'suspended'});
const thrown = catches();
attempt(() => { try { thrown.throw(new Error('at start')); } catch (e) { /* as it should */ } });
tell('thrownAtStart', thrown, {kind: 'generator', value: 'closed'});
const withOwn = catches();
withOwn.extra = {x: 1};
withOwn[3] = 'three';
tell('generatorWithOwn', withOwn, {kind: 'generator', value: 'suspended', properties: {extra: describe({x: 1}, 3)}, elements: [[3, describe('three')]]});
attempt(() => tell('regexpIterator', 'a1b2'.matchAll(/\d/g), {kind: 'object'}));
tell('typedIterator', new Uint8Array([1, 2])[Symbol.iterator](), {kind: 'iterator', internal: {iterated: describe(new Uint8Array([1, 2]), 3)}});
const withLength = {length: 2, 0: 'a'};
tell('likeIterator', Array.prototype.values.call(withLength), {kind: 'iterator', internal: {iterated: describe(withLength, 3)}});

// Proxies of all things.
const proxied = {
  map: new Map([[1, 2]]), func: function inProxy() {}, cls: class InProxy {}, date: new Date(0), error: new Error('in proxy'), regexp: /p/, bound: (function toBind() {}).bind({a: 1}), buffer: new Uint8Array([7]), promise: Promise.resolve(3),
  args: (function () { return arguments; })(1, 2), // eslint-disable-line prefer-rest-params
};
for (const [name, value] of Object.entries(proxied)) {
  const target = typeof value === 'function' ? {kind: undefined} : describe(value, 2);
  if (name === 'promise') delete target.elements;
  tell(`proxy_${name}`, new Proxy(value, {has: function has() { return true; }}), {kind: 'proxy', internal: {target, handler: {kind: 'object', properties: {has: {kind: 'function', value: 'has'}}}}});
}
class BoundBase { constructor(x) { this.x = x; } }
const BoundClass = BoundBase.bind(null, 7);
show('madeByBound', new BoundClass(), {type: undefined});
tell('boundMany', (function target() {}).bind(...Array.from({length: 20}, (_, i) => i)), {kind: 'bound-function', internal: {this: describe(0), arguments: {length: 19}}});
const boundWithOwn = (function t() {}).bind();
boundWithOwn.extra = 1;
tell('boundWithOwn', boundWithOwn, {kind: 'bound-function'});

// Newer kinds.
attempt(() => show('iteratorFrom', evaluated('return Iterator.from({next() { return {done: true}; }}).toArray()')));
attempt(() => tell('disposed', evaluated('const s = new DisposableStack(); s.use({[Symbol.dispose]() {}}); s.dispose(); return s;'), {kind: 'object', type: 'DisposableStack'}));
attempt(() => tell('asyncDisposable', evaluated('return new AsyncDisposableStack()'), {kind: 'object', type: 'AsyncDisposableStack'}));
attempt(() => show('suppressedError', evaluated('return new SuppressedError(1, new Error("inner"), "m")')));
attempt(() => show('rawJson', JSON.rawJSON('123.450')));
attempt(() => show('withResolved', evaluated('return new Uint8Array([255, 1]).toHex()')));
attempt(() => show('fromBase64', evaluated('return Uint8Array.fromBase64("AQID")')));
attempt(() => show('errorIsError', Error.isError(new Error())));
attempt(() => show('mapUpsert', evaluated('const m = new Map(); m.getOrInsert("k", 5); return m;')));
