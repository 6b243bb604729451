'use strict';
// Values made at random: each begins as a value of some kind and is then changed by some of the things that JavaScript can do to it.
// The argument is the seed. The program tells its own description of each.
const {show, describe, gallery, told, untyped} = require('./describe.js');
const vm = require('vm');

let state = Number(process.argv[2] || 1) * 2654435761 % 4294967296;
function random() { // xorshift
  state ^= state << 13, state >>>= 0, state ^= state >>> 17, state ^= state << 5, state >>>= 0;
  return state / 4294967296;
}
const below = n => Math.floor(random() * n);
const pick = list => list[below(list.length)];
const chance = (n, of = 100) => below(of) < n;
const times = (most, f) => { for (let n = below(most + 1), i = 0; i < n; i++) f(i); };

// Numbers by bits, and around the borders of what V8 keeps otherwise.
const bits = new DataView(new ArrayBuffer(8));
function anyDouble() {
  bits.setUint32(0, below(4294967296));
  bits.setUint32(4, below(4294967296));
  const value = bits.getFloat64(0);
  return value !== value ? NaN : value;
}
const borders = [0, 1, 2 ** 30, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63, 2 ** 64, 1e21, 1e-6, 1e-7, 65535, 65536, 255];
const number = () => pick([() => below(100), () => below(100) - 50, () => -0, () => NaN, () => Infinity, anyDouble, anyDouble, () => random(),
  () => (chance(50) ? 1 : -1) * pick(borders) + below(5) - 2, () => Math.fround(random() * 1000), () => below(1e9) / 10 ** below(10)])();
const big = () => {
  let value = 0n;
  times(6, () => { value = value << 64n | BigInt.asUintN(64, BigInt(below(4294967296)) * 4294967296n + BigInt(below(4294967296))); });
  return chance(50) ? value : -value;
};

// Strings of every representation.
const letters = ['a', 'b', 'z', '0', ' ', '_', '-', '.', '"', "'", '\\', '\n', '\0', '\x7f', '\x80', '\xe9', '\xff', '\u0100', '\u20ac', '\u65e5', '\ud83d', '\ude00', '\u{1f600}', '\u2028'];
const plain = most => { let text = ''; times(most, () => { text += pick(letters.slice(0, 6)); }); return text; };
const odd = most => { let text = ''; times(most, () => { text += pick(letters); }); return text; };
const known = [];
function string(depth = 3) {
  const made = pick([() => plain(5), () => plain(40), () => odd(8), () => odd(60), () => String(number()), () => JSON.parse(JSON.stringify(plain(20))),
    () => Buffer.from(odd(30)).toString(pick(['latin1', 'utf8', 'hex', 'base64', 'ucs2', 'ascii'])),
    () => depth > 0 ? string(depth - 1) + string(depth - 1) : '', () => depth > 0 ? string(depth - 1).slice(below(10), below(60)) : 'x',
    () => depth > 0 ? string(depth - 1).repeat(below(5)) : 'y', () => depth > 0 ? pick([s => s.toUpperCase(), s => s.trim(), s => s.replace(/a/g, '\u65e5'), s => s.split('a').join('bb'), s => s.normalize(),
      s => s.padStart(40, 'pad'), s => encodeURIComponent(s.replace(/[\ud800-\udfff]/g, '')), s => [...s].reverse().join(''), s => `${s}|${s}`, s => s + s.length])(string(depth - 1)) : '',
    () => { const s = plain(10) + odd(10) + below(1000); ({})[s]; known.push(s); return s; }, // interned in place
    () => { const s = plain(30) + below(10); return {[s]: 1} && Object.keys({[s]: 1})[0] + (chance(50) ? '' : s); },
    () => String.fromCharCode(...Array.from({length: below(30)}, () => below(65536)))])();
  return made.length > 400 ? made.slice(0, 400) : made;
}
const name = () => pick([() => plain(6), () => plain(6), () => `p${below(30)}`, () => odd(5), () => String(below(12)), () => String(number()), () => pick(['length', 'name', 'stack', 'message', 'constructor', 'prototype', 'size', 'toString', '__proto__', 'get', 'map', 'value', 'then', 'cause'])])();
const symbols = [Symbol('one'), Symbol(), Symbol.iterator, Symbol.for('registered'), Symbol('two'), Symbol('\u65e5'), Symbol.hasInstance];
const key = () => (chance(85) ? name() : pick(symbols));

// What is in values: other values, some made before.
const made = [];
function value(depth) {
  if (depth <= 0 || chance(55)) return pick([number, number, string, string, big, () => true, () => false, () => null, () => undefined, () => pick(symbols), () => below(1000)])();
  if (chance(15) && made.length) return pick(made);
  return thing(depth - 1);
}

class Point { constructor(x, y) { this.x = x; this.y = y; } }
class Solid extends Point { constructor(x, y, z) { super(x, y); this.z = z; } get volume() { return 1; } }
function Old(a) { this.a = a; if (a > 50) this.b = a / 7; }
Old.prototype.method = function method() {};
const factories = [];
for (let i = 0; i < 6; i++) {
  const names = Array.from({length: 1 + i * 3}, (_, k) => `f${k}`);
  factories.push(new Function('v', `return {${names.map(n => `${n}: v()`).join()}}`));
  factories.push(new Function('v', `class Made${i} { constructor() { ${names.map(n => `this.${n} = v();`).join(' ')} } } return new Made${i}();`));
}
const objects = [
  () => ({}), () => Object.create(null), d => new Point(value(d), value(d)), d => new Solid(number(), value(d), string()), d => new Old(below(100)),
  d => pick(factories)(() => value(d - 1)), d => { const o = {}; times(40, i => { o[chance(90) ? `k${i}` : key()] = value(d - 1); }); return o; },
  d => { const o = Object.create(null); times(20, () => { o[key()] = value(d - 1); }); return o; }, d => JSON.parse(JSON.stringify({[plain(9)]: number(), list: [number(), string(), null], o: {[odd(4)]: odd(9)}})),
  d => Object.assign({}, {a: value(d)}, {b: value(d), a: value(d)}), d => Object.fromEntries ? Object.fromEntries([[plain(3), value(d)], ['z', 1]]) : {},
  d => ({...{x: value(d), y: 0.5}, z: value(d)}), d => { const o = {}; times(30, () => { o[below(pick([10, 100, 5000, 4294967295]))] = value(d - 1); }); return o; },
  d => vm.runInNewContext('({a: v, list: [v]})', {v: value(d)}),
];
const arrays = [
  () => [], d => [value(d), value(d)], () => Array.from({length: below(40)}, () => below(100)), () => Array.from({length: below(40)}, number), d => Array.from({length: below(12)}, () => value(d - 1)),
  () => new Array(below(50)), () => Array(below(20)).fill(pick([0, 0.5, 'x', null, undefined, NaN])), d => { const a = []; times(12, () => { a[below(30)] = value(d - 1); }); return a; },
  () => { const a = []; times(12, () => { a[below(30)] = number(); }); return a; }, () => { const a = []; times(9, () => { a[below(4294967295)] = string(); }); return a; },
  () => string().split(''), () => Array.of(number(), number()), () => [1.5, , number(), ,], () => (/(a)(?<n>b)?/.exec(string())) || [], () => Object.keys({[name()]: 1, z: 2}),
  () => [number(), number()].concat([below(5)], pick([[], [0.5], ['x'], [, 1]])), () => [].slice.call([number(), , string()]), () => [[number()], [below(9)]].flat(), d => Object.entries({a: value(d)}),
];
const typed = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array];
if (typeof Float16Array === 'function') typed.push(Float16Array); // eslint-disable-line no-undef
const buffers = [
  () => { const b = new (chance(70) ? ArrayBuffer : SharedArrayBuffer)(below(40)); new Uint8Array(b).forEach((_, i, all) => { all[i] = below(256); }); return b; },
  () => { const kind = pick(typed), b = new kind(below(12)); for (let i = 0; i < b.length; i++) b[i] = kind.name.startsWith('Big') ? big() : number(); return b; },
  () => { const b = new ArrayBuffer(64), kind = pick(typed), size = kind.BYTES_PER_ELEMENT, at = below(64 / size); new Uint8Array(b).fill(below(256)); return new kind(b, at * size, below(64 / size - at + 1)); },
  () => Buffer.from(string()), () => Buffer.alloc(below(30), 'ab'), () => Buffer.from(string()).slice(below(3), below(9)), () => new DataView(new ArrayBuffer(20), below(10), below(10)),
  () => Buffer.concat([Buffer.from(plain(9)), Buffer.from([below(256)])]), () => new Uint8Array(Buffer.from(odd(20))).subarray(below(4), below(9)), () => Float64Array.from([anyDouble(), number()]),
];
const collections = [
  d => new Map([[value(d), value(d)], [value(d), 1]]), d => new Set([value(d), value(d)]),
  d => { const m = new Map(); times(60, () => { if (chance(70)) m.set(value(d - 2), value(d - 1)); else m.delete(pick([...m.keys()])); }); return m; },
  d => { const s = new Set(); times(60, () => { if (chance(70)) s.add(below(30)); else s.delete(below(30)); }); return s; }, () => { const m = new Map([[1, 2]]); m.clear(); times(5, i => m.set(i, string())); return m; },
  d => { const m = new Map([[1, 1], [2, 2], [3, 3]]); let n = 0; for (const [k] of m) { m.delete(k); if (n++ < 40) m.set(number(), n); } m.set('after', value(d)); return m; },
];
const builtins = [
  () => new Date(pick([number(), below(1e13), -below(1e14), 8.64e15 - below(9), NaN])), () => new RegExp(pick(['a', '[/]', '\\/', '\n', '(?<n>x)|y', '\u65e5', '', 'a/b', '[\\]/]', '\u2028']), pick(['', 'g', 'i', 'gi', 'm', 's', 'u', 'y', 'gimsuy'])),
  d => { const e = new (pick([Error, TypeError, RangeError, SyntaxError, EvalError, URIError, ReferenceError]))(string()); if (chance(50)) e.code = value(d); if (chance(30)) e.stack; return e; },
  () => Object(pick([number(), string(), true, big(), pick(symbols)])), d => (function () { return arguments; })(value(d), value(d), 3), // eslint-disable-line prefer-rest-params
  d => { const p = pick([() => Promise.resolve(value(d)), () => new Promise(() => {}), () => { const r = Promise.reject(value(d)); r.catch(() => {}); return r; }])(); return p; },
  () => function named() {}, () => pick([class Named {}, class {}, () => 1, async () => {}, function* generates() {}, Math.max, Map, Array.prototype.map]),
  () => { // V8's own rule for their type changed with 10.0
    const o = new (pick([class MyArray extends Array {}, class MyMap extends Map {}, class MySet extends Set {}, class MyError extends Error {}, class MyDate extends Date {}]))();
    untyped.add(o);
    return o;
  },
];
function thing(depth) {
  const made = pick(pick([objects, objects, objects, arrays, arrays, buffers, collections, builtins]))(depth);
  if (made !== null && (typeof made === 'object' || typeof made === 'function')) times(6, () => change(made, depth));
  return made;
}

const attributes = () => ({enumerable: chance(50), writable: chance(50), configurable: chance(60)});
const ofArrays = [
  a => a.push(number()), a => a.push(string(), 1), a => a.pop(), a => a.shift(), a => a.unshift(number()), a => a.splice(below(5), below(4), number()), a => { a.length = below(20); }, a => a.reverse(),
  a => a.sort((x, y) => (typeof x === 'number' && typeof y === 'number' ? x - y : 0)), a => a.fill(number(), below(5), below(9)), a => a.copyWithin(below(5), below(5)), a => { delete a[below(a.length + 1)]; },
  a => { a[a.length + below(3)] = number(); }, a => { a[below(20)] = undefined; }, a => { a[a.length] = 0.5; }, a => { a[below(5)] = NaN; }, a => { a[below(5)] = anyDouble(); },
];
function ownKey(target) {
  const chosen = key();
  if (chosen === '__proto__') untyped.add(target);
  return chosen;
}
const ofAll = [
  (o, d) => { o[ownKey(o)] = value(d - 1); }, (o, d) => { o[ownKey(o)] = value(d - 1); }, (o, d) => { o[below(10)] = value(d - 1); }, o => { delete o[pick(Reflect.ownKeys(o))]; }, o => { delete o[pick(Reflect.ownKeys(o))]; },
  (o, d) => Object.defineProperty(o, key(), Object.assign(attributes(), {value: value(d - 1)})), o => Object.defineProperty(o, key(), {get: function reads() { return 1; }, enumerable: chance(50), configurable: chance(50)}),
  o => Object.defineProperty(o, key(), {get() { return 1; }, set: function writes(v) {}, enumerable: true}), o => Object.defineProperty(o, pick(Reflect.ownKeys(o)), {enumerable: false}),
  o => Object.defineProperty(o, pick(Reflect.ownKeys(o)), {writable: false}), o => { if (chance(30)) Object.freeze(o); }, o => { if (chance(30)) Object.seal(o); }, o => { if (chance(30)) Object.preventExtensions(o); },
  o => { if (chance(40)) untyped.add(o), Object.setPrototypeOf(o, pick([null, Object.prototype, {inherited: 1}, Array.prototype, Point.prototype, Object.create(null)])); }, o => { const k = pick(Reflect.ownKeys(o)); o[k] = o[k]; },
  o => { const k = pick(Reflect.ownKeys(o)); if (typeof o[k] === 'number') o[k] += 0.5; }, o => { const k = pick(Reflect.ownKeys(o)); o[k] = pick([1, 1.5, 'text', null]); }, o => { for (const k in o) if (chance(20)) delete o[k]; },
  o => { times(40, i => { o[`more${i}`] = i % 3 ? i : i / 2; }); }, o => { Object.create(o).x; }, o => { for (let i = 0; i < 3; i++) Object.keys(o).length; },
];
function change(target, depth) {
  try {
    if (Array.isArray(target) && target.length < 1000 && chance(60)) pick(ofArrays)(target);
    else pick(ofAll)(target, depth);
  } catch (error) {
    // frozen, not configurable, not extensible: it stays as it was
  }
}

for (let i = 0; i < 700; i++) {
  const one = thing(2);
  made.push(one);
  try {
    describe(one);
  } catch (error) {
    if (process.env.SHAPES_TELL) console.error(String(error));
    continue; // its own description runs into what was made of it
  }
}
made.forEach((one, i) => { // only now: they have been changed by those that came later
  try {
    show(`r${i}`, one);
  } catch (error) {
    delete gallery[`r${i}`];
  }
});
process.keep = [gallery, known];
require('fs').writeSync(1, JSON.stringify({values: told}) + '\n');
process.abort();
