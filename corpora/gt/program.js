'use strict';
// One heap that holds every kind of object a census has to name, each in a distinct known number.
// argv: [2] file for the heap snapshot (none: no snapshot). Prints its truth, writes the snapshot, aborts.
// Newer syntax is compiled through optional(), so that the file loads in Node 12.0.
const fs = require('fs');
const v8 = require('v8');

const counts = {};
const keep = [];

function many(name, count, make) {
  counts[name] = (counts[name] || 0) + count;
  some(count, make);
}

function some(count, make) {
  const list = new Array(count);
  for (let i = 0; i < count; i++) list[i] = make(i);
  keep.push(list);
}

function optional(source) {
  try {
    return new Function('many', 'some', 'counts', source)(many, some, counts);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof ReferenceError || error instanceof TypeError)) throw error;
    return undefined;
  }
}

// Classes, subclasses, subclasses of builtins.
class Session {
  constructor(i) {
    this.id = i;
    this.user = 'user' + i;
    this.data = { payload: i, list: [i, i + 1] };
  }
}
class AdminSession extends Session {
  constructor(i) {
    super(i);
    this.level = 1;
  }
}
class RootSession extends AdminSession {}
class Empty {}
class Wide {
  constructor(i) {
    for (let k = 0; k < 40; k++) this['field' + k] = i + k;
  }
}
class TypedList extends Array {}
class Registry extends Map {}
class Tags extends Set {}
class AppError extends Error {}
class LaterBytes extends Uint8Array {}
class Task extends Promise {}
class Routine extends Function {}
many('Session', 20000, (i) => new Session(i));
many('AdminSession', 3001, (i) => new AdminSession(i));
many('RootSession', 407, (i) => new RootSession(i));
many('Empty', 1013, () => new Empty());
many('Wide', 211, (i) => new Wide(i));
some(307, (i) => TypedList.of(i, i, i));
many('Registry', 311, (i) => new Registry([[i, {}]]));
many('Tags', 313, (i) => new Tags([i]));
many('AppError', 317, (i) => new AppError('app ' + i));
many('LaterBytes', 331, () => new LaterBytes(8));
many('Task', 337, (i) => new Task((resolve) => resolve(i)));
some(19, () => new Routine('return 1'));

// Old-style constructors, plain and inherited; constructors that live in properties; anonymous classes.
function OldStyle(i) {
  this.value = i;
}
OldStyle.prototype.method = function method() {};
function OldChild(i) {
  OldStyle.call(this, i);
  this.more = 'x';
}
OldChild.prototype = Object.create(OldStyle.prototype);
OldChild.prototype.constructor = OldChild;
const nameSpace = { Inner: class {}, Outer: function() {} };
const unnamedClass = [class {}, class extends Session {}][0];
many('OldStyle', 1511, (i) => new OldStyle(i));
many('OldChild', 613, (i) => new OldChild(i));
many('Inner', 401, () => new nameSpace.Inner());
many('Outer', 409, () => new nameSpace.Outer());
some(503, () => new unnamedClass());
some(53, () => new (class extends AdminSession {})(1));

// Plain objects, dictionaries, prototypes that are null, @@toStringTag.
some(1201, (i) => ({ a: i, b: i * 2 }));
some(607, (i) => ({ name: 'n' + i, nested: { deep: { deeper: i } } }));
some(401, (i) => Object.assign(Object.create(null), { key: i }));
some(251, (i) => {
  const o = {};
  for (let k = 0; k < 30; k++) o['k' + k] = i;
  for (let k = 0; k < 25; k++) delete o['k' + k];
  return o;
});
some(3, (i) => {
  const o = {};
  for (let k = 0; k < 2000; k++) o['key_' + i + '_' + k] = k;
  return o;
});
const tagged = { get [Symbol.toStringTag]() { return 'GetterTag'; } };
some(127, () => Object.create(tagged));
some(131, (i) => ({ [Symbol.toStringTag]: 'OwnTag', i }));
class TaggedClass {
  get [Symbol.toStringTag]() { return 'Other'; }
}
many('TaggedClass', 137, () => new TaggedClass());
const tagProto = {};
Object.defineProperty(tagProto, Symbol.toStringTag, { value: 'ProtoTag' });
some(139, () => Object.create(tagProto));
some(149, (i) => ({
  get twice() { return i * 2; },
  set twice(v) { },
}));
some(151, (i) => Object.defineProperty({}, 'hidden', { value: i, enumerable: false }));
some(157, (i) => Object.freeze({ frozen: i }));
some(163, (i) => Object.seal([i, { sealed: i }]));
some(97, function() { return arguments; }.bind(null, 1, 2));
some(101, function(a, b) { a = b; return arguments; });

// Arrays of every elements kind.
some(701, (i) => [i, i + 1, i + 2]);
some(709, (i) => [i + 0.5, i + 1.5]);
some(719, (i) => ['s' + i, {}, null]);
some(227, (i) => [1, , i, , 3]);
some(229, (i) => [1.5, , i + 0.25]);
some(233, (i) => ['x', , {}]);
some(239, (i) => {
  const a = [];
  a[10000000 + i] = i;
  return a;
});
some(241, () => []);
some(7, () => new Array(5000).fill(0));

// Collections, weak ones, promises, generators, async.
const anchors = Array.from({ length: 257 }, (_, i) => ({ anchor: i }));
keep.push(anchors);
some(521, (i) => new Map([[i, 'v'], ['k' + i, {}]]));
some(523, (i) => new Set([i, 'm' + i]));
some(257, (i) => new WeakMap([[anchors[i], { held: i }]]));
some(257, (i) => new WeakSet([anchors[i]]));
optional('some(257, (i) => new WeakRef({ target: i }));');
optional('some(17, () => new FinalizationRegistry(() => {}));');
some(11, (i) => new Map(Array.from({ length: 500 + i }, (_, k) => [k, k])).entries());
some(13, () => new Set([1, 2]).values());
some(23, () => [1, 2][Symbol.iterator]());
some(541, (i) => Promise.resolve({ i }));
some(79, () => new Promise(() => {}));
some(83, (i) => Promise.resolve(i).then((v) => v).catch(() => {}));
async function waiting(promise) {
  const result = await promise;
  return result;
}
function* counter(n) {
  while (n--) yield n;
}
async function* ticker() {
  yield 1;
  await new Promise(() => {});
}
some(89, () => waiting(new Promise(() => {})));
some(103, (i) => {
  const g = counter(i + 2);
  g.next();
  return g;
});
some(107, () => {
  const t = ticker();
  t.next();
  return t;
});

// Functions of every sort.
some(811, (i) => () => i);
some(113, (i) => function named() { return i; });
some(109, (i) => async () => i);
some(61, (i) => function*() { yield i; });
some(67, (i) => async function*() { yield i; });
some(71, (i) => function base(a) { return a + i; }.bind(null, i));
some(73, (i) => class Local { get() { return i; } });

// Memory of the outside, numbers, strings, symbols, dates, regexps, errors, proxies.
[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array]
  .forEach((kind, k) => some(30 + k, (i) => new kind(i % 100)));
optional('[BigInt64Array, BigUint64Array].forEach((kind, k) => some(40 + k, () => new kind(3)));');
optional('some(43, () => new Float16Array(3));');
some(47, () => new DataView(new ArrayBuffer(16)));
some(59, (i) => new ArrayBuffer(64 + i));
some(37, () => new SharedArrayBuffer(128));
some(127, (i) => Buffer.from('buffer ' + i));
some(5, () => Buffer.alloc(100000, 1));
some(431, (i) => new Date(1e12 + i));
some(433, (i) => new RegExp('a' + i + '(b+)', 'g'));
some(439, (i) => /literal(\d+)/.exec('literal' + i));
optional('some(443, (i) => BigInt(i) ** 20n + 12345678901234567890n);');
some(449, (i) => i * 1.1 + 0.123);
some(29, (i) => Symbol('symbol ' + i));
some(31, (i) => Object(i + 0.5));
some(33, (i) => Object('boxed' + i));
some(35, () => Object(true));
some(22, (i) => new Proxy({ target: i }, {}));
some(24, () => new Proxy(function callable() {}, {}));
some(199, (i) => new Error('error ' + i));
some(197, (i) => new TypeError('type error ' + i));
some(193, (i) => {
  try {
    return undefinedName;
  } catch (error) {
    return error;
  }
});
const head = 'abcdefghijklmnopqrstuvwxyz';
some(1301, (i) => 'flat one-byte string number ' + String(i));
some(1303, (i) => head + '-' + i + '-' + head);
some(1307, (i) => (head + i + head).substring(3, 40));
some(1319, (i) => 'двухбайтовая строка ' + i);
some(1321, (i) => Buffer.from('плоская строка ' + i).toString());
some(4, (i) => Buffer.alloc(1100000 + i, 97).toString('latin1'));
some(3, (i) => Buffer.alloc(2200000 + 2 * i, 97).toString('ucs2'));
some(2, (i) => 'r'.repeat(300000 + i));

// Newer syntax and objects that not every version has.
optional(`
  class PrivateHolder { #secret; constructor(i) { this.#secret = i; } reveal() { return this.#secret; } }
  many('PrivateHolder', 557, (i) => new PrivateHolder(i));`);
optional(`
  class PrivateMethods { #hidden() { return 1; } get #value() { return 2; } static #count = 0; call() { return this.#hidden(); } }
  many('PrivateMethods', 563, () => new PrivateMethods());`);
optional(`
  class StaticBlock { static list = []; static { this.list.push(1); } field = 'f'; }
  many('StaticBlock', 569, () => new StaticBlock());`);
optional('some(26, () => new Intl.NumberFormat("en"));');
optional('some(28, () => new Intl.DateTimeFormat("en"));');
optional('some(14, () => new Intl.Collator("en"));');
optional('some(12, (i) => Iterator.from([i]));');
optional('some(10, () => [1, 2].values().map((x) => x));');
optional('some(16, (i) => new AggregateError([new Error("inner")], "outer " + i));');
optional('some(18, (i) => new URL("http://host/" + i));');
optional('some(18, (i) => new URLSearchParams("a=" + i));');
optional('some(15, () => new AbortController());');
optional('some(6, () => new DisposableStack());');
some(7, (i) => require('vm').createContext({ i }));  // each with a global object and a global proxy of its own
some(11, () => Reflect.construct(Map, [], function () {}));
some(21, () => new (require('events'))());
some(20, () => new (require('stream').PassThrough)());
some(9, () => setTimeout(() => {}, 1e6));
optional('some(8, () => new EventTarget());');
optional('some(8, () => new TextEncoder());');
if (typeof WebAssembly === 'object') {
  some(5, () => new WebAssembly.Memory({ initial: 1 }));
  some(5, () => new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])));
}

// Tick once, so that promise reactions have run and nothing is in flight.
global.keep = keep;
setImmediate(() => {
  fs.writeSync(1, JSON.stringify({ counts, node: process.version }) + '\n');
  v8.setFlagsFromString('--heap-snapshot-string-limit=10000000');  // whole strings, so that their true sizes can be told
  if (process.argv[2]) v8.writeHeapSnapshot(process.argv[2]);
  process.abort();
});
