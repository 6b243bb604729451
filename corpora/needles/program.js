'use strict';
// Strings, numbers and names that are there exactly once (or as often as told), kept in every way that V8 has, for `v8 find` and
// `v8 strings`. The texts are put together from parts, so that the program's own source does not contain them.
const vm = require('vm');
class Needles {}
const held = new Needles();
const told = {strings: {}, numbers: {}, names: {}};
let count = 0;
const token = () => ['tok', 'en', String.fromCharCode(97 + count % 26), String(7000 + count++), 'x'].join('');
// Told backwards: what is told is in the heap as well.
const backwards = text => text.split('').reverse().join('');
const string = (name, make) => {
  const one = token();
  held[name] = make(one);
  told.strings[name] = backwards(one);
};
const filler = 'abcdefghij'.repeat(12);
string('flat', t => Buffer.from(`flat ${t} end`).toString('latin1'));
string('utf8', t => Buffer.from(`\u65e5 ${t} end`).toString());
string('latin1', t => Buffer.from(`caf\u00e9 ${t}`, 'latin1').toString('latin1'));
string('rope', t => filler + t.slice(0, 4) + (t.slice(4) + filler)); // the token lies across parts
string('deepRope', t => { let s = filler; for (const c of t) s += c; for (let i = 0; i < 50; i++) s += `-${i}-`; return s; });
string('leftRope', t => { let s = filler; for (const c of [...t].reverse()) s = c + s; return s; });
string('wideRope', t => `${filler}${t.slice(0, 5)}` + (`${t.slice(5)}\u20ac${filler}`));
string('slice', t => Buffer.from(filler + t + filler).toString('latin1').slice(100, 160));
string('wideSlice', t => Buffer.from(`\u65e5${filler}${t}${filler}`).toString().slice(100, 160));
string('thin', t => { const s = [filler, t].join('-'); ({})[s] = 1; return s; });
string('key', t => ({[t]: 1}));
string('dictionaryKey', t => { const o = Object.create(null); o[t] = 1; return o; });
string('symbol', t => Symbol(t));
string('mapKey', t => new Map([[t, 1]]));
string('external', t => Buffer.from(filler.repeat(12000) + t).toString('latin1'));
string('externalWide', t => Buffer.from(`\u65e5x${filler.repeat(6000)}${t}`, 'utf16le').toString('utf16le'));
string('sliceOfExternal', t => Buffer.from(filler.repeat(12000) + t).toString('latin1').slice(filler.length * 11990));
string('parsed', t => JSON.parse(`["${t}"]`)[0]);
string('foreign', t => vm.runInNewContext('[a, b].join("")', {a: t.slice(0, 3), b: t.slice(3)}));
string('closure', t => { const inside = `${t}`; return () => inside; });
string('error', t => new Error(t));
string('regexp', t => new RegExp(t));
string('control', t => `a\n${t}\t\0"\\`);
string('upper', t => `<${t.toUpperCase()}>`.toLowerCase());
string('surrogate', t => `\ud83d${t}\ude00`);
string('frozen', t => Object.freeze([t]));

const number = (name, value, make) => {
  held[`n_${name}`] = make(value);
  told.numbers[name] = backwards(String(value));
};
const base = 900000000 + process.pid % 1000 * 1000;
number('smiProperty', base + 1, n => ({n}));
number('doubleProperty', base + 2.5, n => ({n}));
number('smiElement', base + 3, n => [n, 1]);
number('doubleElement', base + 4.25, n => [n, 0.5]);
number('mixedElement', base + 5, n => [n, 'x']);
number('mapValue', base + 6, n => new Map([['k', n]]));
number('mapKey', base + 7.5, n => new Map([[n, 'k']]));
number('setMember', base + 8, n => new Set([n]));
number('variable', base + 9, n => { let v = n; return () => v++; });
number('fraction', base + 10.125, n => { let v = n; return () => { v += 0.5; }; });
number('bigger', 2 ** 40 + base, n => ({n}));
number('negative', -base - 11, n => [n, 'x']);
number('dictionary', base + 12, n => { const o = Object.create(null); o.n = n; return o; });
number('boxed', base + 13.5, n => Object(n));
number('inDate', 1500000000000 + base, n => new Date(n));
number('float64Array', base + 14.75, n => Float64Array.from([n]));
number('int32Array', base + 15, n => Int32Array.from([n]));
number('bigint', base + 16, n => BigInt(n));
number('sparse', base + 17, n => { const a = []; a[50000000] = n; return a; });
number('promise', base + 18, n => Promise.resolve(n));

const names = (name, make) => {
  const one = token();
  held[`p_${name}`] = make(one);
  told.names[name] = backwards(one);
};
names('fast', k => ({[k]: 1}));
names('dictionary', k => Object.assign(Object.create(null), {[k]: 1}));
names('accessor', k => Object.defineProperty({}, k, {get() { return 1; }}));
names('hidden', k => Object.defineProperty({}, k, {value: 1}));
names('array', k => Object.assign([1], {[k]: 1}));
names('map', k => Object.assign(new Map(), {[k]: 1}));
names('func', k => Object.assign(() => 1, {[k]: 1}));
names('error', k => Object.assign(new Error(), {[k]: 1}));
names('typed', k => Object.assign(new Uint8Array(1), {[k]: 1}));
names('proto', k => Object.create({[k]: 1}));
names('last', k => { const o = {}; for (let i = 0; i < 60; i++) o[`q${i}`] = i; o[k] = 1; return o; });
names('symbol', k => ({[Symbol(k)]: 1}));
names('undef', k => ({[k]: undefined}));
names('deletedOther', k => { const o = {a: 1, [k]: 2}; delete o.a; return o; });
names('globalOf', k => { globalThis[k] = 1; return 0; }); // eslint-disable-line no-undef
process.keep = held;
require('v8').setFlagsFromString('--expose-gc');
vm.runInNewContext('gc')();
require('fs').writeSync(1, JSON.stringify(told) + '\n');
process.abort();
