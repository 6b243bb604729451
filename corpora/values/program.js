'use strict';
// A value of every kind, each with a description by the program's own eyes.
// With the argument `worker` all of them are in a worker thread, which has oddballs and maps of its own until Node.js 18.0.
const fs = require('fs');
const util = require('util');
const threads = require('worker_threads');
const DEPTH = 4;

if (threads.isMainThread && process.argv[2] === 'worker') {
  new threads.Worker(__filename).on('message', line => {
    fs.writeSync(1, line);
    process.abort();
  });
  return;
}

class Gallery {}
const gallery = new Gallery();
const told = {};

const text = value => (Object.is(value, -0) ? '-0' : String(value));

function describeKey(key) {
  return typeof key === 'symbol' ? `Symbol(${key.description || ''})` : key;
}

function kindOf(value) {
  if (Array.isArray(value)) return 'array';
  for (const [kind, constructor] of [
    ['map', Map], ['set', Set], ['weakmap', WeakMap], ['weakset', WeakSet], ['promise', Promise], ['date', Date],
    ['regexp', RegExp], ['error', Error], ['dataview', DataView], ['arraybuffer', ArrayBuffer],
    ['sharedarraybuffer', SharedArrayBuffer]]) {
    if (value instanceof constructor) return kind;
  }
  if (ArrayBuffer.isView(value)) return 'typedarray';
  return 'object';
}

function describeProperty(owner, key, depth, above) {
  const property = Object.getOwnPropertyDescriptor(owner, key);
  if (!property.get && !property.set) return describe(property.value, depth, above);
  const description = {kind: 'accessor'};
  for (const side of ['get', 'set']) if (property[side]) description[side] = property[side].name;
  return description;
}

function describeElements(value, description, depth, above) {
  const list = [];
  if (Array.isArray(value)) {
    description.length = value.length;
    // Sparse arrays are told by index.
    for (const key of Object.keys(value)) {
      if (String(key >>> 0) === key) list.push([Number(key), describeProperty(value, key, depth, above)]);
    }
  } else if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    description.length = value.length;
    for (let i = 0; i < value.length; i++) list.push([i, describe(value[i], 0, above)]);
  } else if (description.kind.endsWith('buffer')) {
    description.length = value.byteLength;
    new Uint8Array(value).forEach((byte, i) => list.push([i, describe(byte, 0, above)]));
  } else if (description.kind === 'dataview') {
    description.length = value.byteLength;
    for (let i = 0; i < value.byteLength; i++) list.push([i, describe(value.getUint8(i), 0, above)]);
  } else {
    for (const key of Object.keys(value)) {
      if (String(key >>> 0) === key) list.push([Number(key), describeProperty(value, key, depth, above)]);
    }
  }
  if (list.length) description.elements = list;
}

function describe(value, depth = DEPTH, above = []) {
  switch (typeof value) {
    case 'undefined': return {kind: 'undefined'};
    case 'boolean': return {kind: 'boolean', value};
    case 'number': return {kind: 'number', value: text(value)};
    case 'bigint': return {kind: 'bigint', value: String(value)};
    case 'string': return {kind: 'string', value};
    case 'symbol': return {kind: 'symbol', value: value.description || ''};
    case 'function': return {kind: /^class\b/.test(String(value)) ? 'class' : 'function', value: value.name};
  }
  if (value === null) return {kind: 'null'};
  const description = {kind: kindOf(value)};
  const prototype = Object.getPrototypeOf(value);
  description.type = prototype === null ? 'Object' : prototype.constructor.name;
  if (description.kind === 'date') description.value = isNaN(value) ? 'Invalid Date' : value.toISOString();
  if (description.kind === 'regexp') description.value = String(value);
  if (above.includes(value)) return Object.assign(description, {cycle: true});
  if (depth === 0) return description;
  above = above.concat([value]);
  describeElements(value, description, depth - 1, above);
  if (description.kind === 'map') {
    description.entries = [...value].map(([key, held]) => [describe(key, depth - 1, above), describe(held, depth - 1, above)]);
  }
  if (description.kind === 'set') description.elements = [...value].map((held, i) => [i, describe(held, depth - 1, above)]);
  const properties = {};
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key === 'string' && String(key >>> 0) === key) continue;
    if (key === 'length' && Array.isArray(value)) continue;
    if (key === 'stack' && description.kind === 'error') continue;
    properties[describeKey(key)] = describeProperty(value, key, depth - 1, above);
  }
  if (Object.keys(properties).length) description.properties = properties;
  return description;
}

function show(name, value, internal, change) {
  gallery[name] = value;
  told[name] = Object.assign(describe(value), internal ? {internal} : {}, change || {});
}
const described = (object, depth = 0) =>
  Object.fromEntries ? Object.fromEntries(Object.entries(object).map(([k, v]) => [k, describe(v, depth)])) : {};

// Numbers and other primitives.
[0, 1, -1, 2147483647, -2147483648].forEach((n, i) => show(`smi${i}`, n));
[1.5, -0, NaN, Infinity, -Infinity, 1e21, 1e-7, 4294967296, 123456789.123, 5e-324, 1.7976931348623157e308, 0.1 + 0.2].forEach(
  (n, i) => show(`double${i}`, n));
[0n, 1n, -1n, 18446744073709551615n, -(2n ** 64n), 10n ** 60n, -(10n ** 39n) + 7n].forEach((n, i) => show(`bigint${i}`, n));
show('yes', true);
show('no', false);
show('nothing', null);
show('missing', undefined);
show('symbol', Symbol('a symbol'));
show('symbolBare', Symbol());
show('symbolKnown', Symbol.iterator);

// Strings.
const long = 'abcdefghij'.repeat(30);
show('emptyString', '');
show('latin', 'gr\u00fc\u00df');
show('wide', '\u65e5\u672c\u8a9e \u{1f600}');
show('control', 'a\nb\t\x01"\\\x7f');
show('cons', long + String(process.pid).replace(/./g, 'x') + long);
show('consWide', `${long}\u20ac` + long);
show('sliced', (long + '!').slice(17, 99));
show('flatSliced', JSON.parse(JSON.stringify(long)).slice(20, 60));
show('external', process.binding ? require('path').resolve.toString().slice(0, 200) : '');

// Plain objects.
show('empty', {});
show('plain', {a: 1, b: 'two', c: 3.5, d: null, e: undefined, f: true, 'a key': {nested: {deep: {deeper: {deepest: 1}}}}});
show('doubles', {x: 1.5, y: -0.25, z: 3});
show('symbols', {[Symbol('key')]: 'by symbol', tag: 1, plain: 2});
show('indexed', {0: 'zero', 5: 'five', name: 'with elements'});
show('sparseIndexed', {7: 'seven', 4000000000: 'four billion', 123456: 'much'});
show('nullPrototype', Object.assign(Object.create(null), {x: 1}));
const dictionary = {};
for (let i = 0; i < 40; i++) dictionary[`key${i}`] = i;
for (let i = 0; i < 20; i++) delete dictionary[`key${i * 2}`];
show('dictionary', dictionary);
const many = {};
for (let i = 0; i < 200; i++) many[`p${i}`] = i;
show('many', many);
const cyclic = {name: 'cyclic', list: []};
cyclic.self = cyclic;
cyclic.list.push(cyclic);
show('cyclic', cyclic);
show('getters', {get both() { return 1; }, set both(v) {}, get one() { return 2; }, set other(v) {}});
show('hidden', Object.defineProperty({}, 'hidden', {value: 'not enumerable', enumerable: false}));
show('frozen', Object.freeze({a: 1, list: Object.freeze([1, 'x', 2.5])}));
show('sealed', Object.seal([1, 'y']));

// Arrays.
show('emptyArray', []);
show('smis', [1, 2, 3]);
show('doubleArray', [1.5, 2, -0, NaN]);
show('mixed', [1, 'a', null, undefined, {x: [1]}, 2.5, Symbol('s')]);
show('holey', [1, , 3, , ,]); // eslint-disable-line no-sparse-arrays
show('holeyDoubles', [1.5, , 2.5]); // eslint-disable-line no-sparse-arrays
const sparse = [];
sparse[3] = 'three';
sparse[5000000] = 'far';
show('sparse', sparse);
const named = [1, 2];
named.extra = 'property of an array';
show('namedArray', named);

// Collections.
const key = {id: 7};
show('map', new Map([['a', 1], [key, 'object'], [NaN, 2], [-0, 'zero'], [null, undefined]]));
show('set', new Set([1, 'a', key, 2.5]));
const changed = new Map();
for (let i = 0; i < 50; i++) changed.set(`k${i}`, i);
for (let i = 0; i < 45; i++) changed.delete(`k${i}`);
show('mapChanged', changed);
show('emptyMap', new Map());
show('emptySet', new Set());
class Registry extends Map {}
show('subclassMap', Object.assign(new Registry([['x', 1]]), {label: 'mine'}), null, {type: undefined}); // V8's own rule changed with 10.0
show('weakMap', new WeakMap([[key, 'held']]), null, {entries: [[describe(key, 0), describe('held', 0)]]});
show('weakSet', new WeakSet([key]), null, {elements: [[0, describe(key, 0)]]});
if (typeof WeakRef === 'function') { // eslint-disable-line no-undef
  show('weakRef', new WeakRef(key), described({target: key}), {kind: 'weakref', type: 'WeakRef'}); // eslint-disable-line no-undef
}
gallery.kept = key;

// Builtins.
const rejected = Promise.reject(new RangeError('no'));
rejected.catch(() => {});
show('promisePending', new Promise(() => {}), null, {value: 'pending'});
show('promiseDone', Promise.resolve({answer: 42}), {result: describe({answer: 42}, DEPTH - 1)}, {value: 'fulfilled'});
show('promiseRejected', rejected, {result: {kind: 'error', type: 'RangeError'}}, {value: 'rejected'});
const target = {guarded: true}, handler = {get() { return 'trapped'; }};
gallery.proxy = new Proxy(target, handler);
told.proxy = {kind: 'proxy', type: 'Proxy', internal: {target: describe(target, DEPTH - 1), handler: describe(handler, DEPTH - 1)}};
gallery.functionProxy = new Proxy(function proxied() {}, {});
told.functionProxy = {kind: 'proxy', type: 'Proxy', internal: {target: {kind: 'function', value: 'proxied'}}};
function add(a, b) { return a + b; }
gallery.bound = add.bind(key, 1, 'two');
told.bound = {kind: 'bound-function', internal: {target: {kind: 'function', value: 'add'}, this: describe(key, DEPTH - 1)}};
show('date', new Date(1462000000123));
show('dateOld', new Date(-62198755200000));
show('dateZero', new Date(0));
show('dateDay', new Date(86400000));
show('dateInvalid', new Date(NaN));
show('regexp', /a[/]b+(?<name>x)/gimsuy);
show('regexpPlain', new RegExp('', ''));
show('error', Object.assign(new TypeError('wrong'), {code: 'E_WRONG', cause: {why: 1}}));
class OwnError extends Error {}
show('ownError', new OwnError('mine'));
const [readError, unreadError] = [0, 1].map(() => new RangeError('unread'));
show('unreadError', unreadError, {stack: {kind: 'string', value: readError.stack}});
show('boxedNumber', Object(5.5), described({value: 5.5}), {kind: 'primitive-wrapper', type: 'Number'});
show('boxedString', Object('boxed'), described({value: 'boxed'}), {kind: 'primitive-wrapper', type: 'String', elements: undefined,
                                                                   properties: undefined});
function sloppy() { return arguments; }
gallery.arguments = sloppy(1, 'two', key);
const poisoned = {kind: 'accessor', get: '', set: ''}; // This file is strict.
told.arguments = {kind: 'arguments', elements: [[0, describe(1)], [1, describe('two')], [2, describe(key, DEPTH - 1)]],
                  properties: {length: describe(3), callee: poisoned}};
const sloppyMapped = new Function('a', 'b', 'a = 9; const closes = () => a; closes(); return arguments;');
gallery.mapped = sloppyMapped(1, 2, 3);
told.mapped = {kind: 'arguments', elements: [[0, describe(9)], [1, describe(2)], [2, describe(3)]],
               properties: {length: describe(3), callee: {kind: 'function'}}}; // Its name is a bit of its code.

// Functions.
function makeCounter(start, label) {
  let count = start;
  return function counter() { return label + count++; };
}
const counter = makeCounter(41, 'n');
counter();
gallery.closure = counter;
told.closure = {kind: 'function', value: 'counter', internal: {context: {properties: described({count: 42, label: 'n'})},
                                                                source: describe(String(counter))}};
function makeFraction(start) {
  let fraction = start;
  return () => { fraction += 0.25; return fraction; };
}
const fraction = makeFraction(0.5);
for (let i = 0; i < 10; i++) fraction();
gallery.fraction = fraction;
told.fraction = {kind: 'function', value: '', internal: {context: {properties: described({fraction: 3})}}};
show('arrow', () => 1, {source: describe('() => 1')});
show('asyncFunction', async function waits() {});
class Base { constructor() { this.base = 1; } method() {} static make() {} }
class Derived extends Base { constructor() { super(); this.own = 2; } get computed() { return 3; } }
show('classBase', Base, {source: describe(String(Base))});
show('classDerived', Derived);
show('instance', new Derived());
class Secret {
  constructor() { this.#hidden = 'secret'; this.open = 1; }
  #hidden = null;
  reveal() { return this.#hidden; }
}
show('privateField', new Secret(), null, {properties: {'#hidden': describe('secret', 0), open: describe(1, 0)}});
function* generate() { yield 1; yield 2; }
const suspended = generate();
suspended.next();
gallery.generator = suspended;
told.generator = {kind: 'generator', value: 'suspended', internal: {function: {kind: 'function', value: 'generate'}}};
const done = generate();
[...done];
gallery.generatorDone = done;
told.generatorDone = {kind: 'generator', value: 'closed'};

// Buffers.
const bytes = new ArrayBuffer(16);
new Uint8Array(bytes).set([1, 2, 3, 250]);
show('arrayBuffer', bytes);
show('shared', new SharedArrayBuffer(4));
show('emptyBuffer', new ArrayBuffer(0));
show('dataView', new DataView(bytes, 2, 4));
for (const constructor of [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array,
                           Float64Array]) {
  show(constructor.name, constructor.from([0, 1, -1.5, 200, 70000]));
}
show('BigInt64Array', BigInt64Array.from([0n, -1n, 2n ** 62n]));
show('BigUint64Array', BigUint64Array.from([0n, 2n ** 64n - 1n]));
show('viewOfBuffer', new Uint16Array(bytes, 2, 3));
show('largeTyped', Float64Array.from({length: 300}, (_, i) => i / 2));
show('buffer', Buffer.from('a small buffer'), null, {type: 'Buffer'});
show('bufferAlloc', Buffer.alloc(20, 'xy'), null, {type: 'Buffer'});

// The global object: what it is called by is a proxy, behind which the object lies.
globalThis.ownGlobal = {of: 'the program'}; // eslint-disable-line no-undef
globalThis.ownNumber = 0.5; // eslint-disable-line no-undef
gallery.global = globalThis; // eslint-disable-line no-undef
function describeGlobal() {
  const properties = {};
  for (const name of Reflect.ownKeys(globalThis)) { // eslint-disable-line no-undef
    const told = describeProperty(globalThis, name, 0, []); // eslint-disable-line no-undef
    if (['global', 'globalThis', 'GLOBAL', 'root'].includes(name) && told.kind === 'object') told.kind = 'global';
    delete told.type; // Namespaces like Math are called by what they call themselves.
    properties[describeKey(name)] = told;
  }
  return {kind: 'global', properties};
}

// WebAssembly, a module by hand: add(i32, i32), memory of a page, table of two, globals 42, 2.5 and -5n.
if (typeof WebAssembly === 'object') {
  const code = new Uint8Array([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    1, 7, 1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f,
    3, 2, 1, 0,
    4, 4, 1, 0x70, 0, 2,
    5, 3, 1, 0, 1,
    6, 23, 3, 0x7f, 1, 0x41, 42, 0x0b, 0x7c, 0, 0x44, 0, 0, 0, 0, 0, 0, 4, 0x40, 0x0b, 0x7e, 0, 0x42, 0x7b, 0x0b,
    7, 46, 6, 3, 0x61, 0x64, 0x64, 0, 0, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 0, 5, 0x74, 0x61, 0x62, 0x6c, 0x65, 1, 0,
    5, 0x69, 0x6e, 0x74, 0x33, 0x32, 3, 0, 5, 0x72, 0x61, 0x74, 0x69, 0x6f, 3, 1, 3, 0x62, 0x69, 0x67, 3, 2,
    10, 9, 1, 7, 0, 0x20, 0, 0x20, 1, 0x6a, 0x0b]);
  const module = new WebAssembly.Module(code);
  const instance = new WebAssembly.Instance(module);
  const {add: adds, memory, table, int32, ratio, big} = instance.exports;
  new Uint8Array(memory.buffer).set([9, 8, 7]);
  table.set(1, adds);
  const kind = 'webassembly';
  const ofMemory = {kind: 'arraybuffer', length: 65536};
  const ofTable = {kind, length: 2, elements: [[0, {kind: 'null'}], [1, {kind: 'function', value: adds.name}]]};
  Object.assign(gallery, {wasmModule: module, wasmInstance: instance, wasmMemory: memory, wasmTable: table, wasmInt32: int32,
                          wasmRatio: ratio, wasmBig: big, wasmFunction: adds});
  Object.assign(told, {
    wasmModule: {kind},
    wasmInstance: {kind, internal: {exports: {kind: 'object', properties: {
      add: {kind: 'function', value: adds.name}, memory: {kind}, table: {kind}, int32: {kind}, ratio: {kind}, big: {kind}}}}},
    wasmMemory: {kind, internal: {buffer: ofMemory}},
    wasmTable: ofTable,
    wasmInt32: {kind, internal: {value: {kind: 'number', value: '42'}}},
    wasmRatio: {kind, internal: {value: {kind: 'number', value: '2.5'}}},
    wasmBig: {kind, internal: {value: {kind: 'bigint', value: '-5'}}},
    wasmFunction: {kind: 'function', value: adds.name},
  });
  gallery.wasmOwnGlobal = new WebAssembly.Global({value: 'f32', mutable: true}, -0.75);
  told.wasmOwnGlobal = {kind, internal: {value: describe(-0.75)}};
  gallery.wasmShared = new WebAssembly.Memory({initial: 1, maximum: 2, shared: true});
  gallery.wasmBuffer = gallery.wasmShared.buffer; // Made when it is asked for.
  told.wasmShared = {kind, internal: {buffer: {kind: kindOf(gallery.wasmBuffer), length: 65536}}};
}

// Handles, in the words of Node.js, which also says what a value of C++ wraps, since 12.22.
const server = require('net').createServer(() => {}).listen(0);
function showExternal() {
  const stream = server._handle._externalStream;
  const [, address] = /^\[External: ([0-9a-f]+)\]$/.exec(util.inspect(stream)) || [];
  gallery.stream = stream;
  told.stream = {kind: 'external', value: address ? '0x' + address.padStart(16, '0') : undefined};
}
require('dgram').createSocket('udp4').bind(0);
require('fs').watch(__dirname);
const watcher = require('fs').watch(__dirname);
if (watcher.unref) watcher.unref();

function end() {
  describeGlobal(); // Looking at it loads what is made on demand.
  told.global = describeGlobal();
  showExternal();
  if (!threads.isMainThread) return threads.parentPort.postMessage(JSON.stringify({values: told}) + '\n');
  if (process.stdout.fd !== 1) return; // It is a handle as well, once it has been asked for.
  const handles = process._getActiveHandles().map(handle => handle.constructor.name).sort();
  console.log(JSON.stringify({values: told, handles}));
  process.abort();
}
// The namespace of a module, where this Node.js imports modules.
import('./names.mjs').then(names => {
  names.increase();
  gallery.namespace = names;
  const properties = {};
  for (const key of Reflect.ownKeys(names)) properties[describeKey(key)] = describe(names[key], DEPTH - 1);
  told.namespace = {kind: 'module-namespace', properties};
}).catch(() => {}).then(() => process.nextTick(end));
