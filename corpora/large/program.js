'use strict';
// Objects larger than a page. argv: [2] file for the heap snapshot.
const fs = require('fs');
const v8 = require('v8');

class Giant {
  constructor(kind, value) {
    this.kind = kind;
    this.value = value;
  }
}

function flat(unit, times) {
  const string = unit.repeat(times);
  string.charCodeAt(0);  // joins its parts
  return string;
}

function dictionary(keys) {
  const result = Object.create(null);
  for (let i = 0; i < keys; i++) result['key ' + i] = i;
  return result;
}

const MILLION = 1e6;
const giants = [
  new Giant('string', flat('a', 100 * MILLION)),
  new Giant('two-byte string', flat('ш', MILLION)),
  new Giant('smi array', new Array(MILLION).fill(7)),
  new Giant('double array', new Array(MILLION).fill(0.5)),
  new Giant('object array', Array.from({ length: MILLION }, (_, i) => (i % 10 ? null : { i }))),
  new Giant('holey array', (() => {
    const array = new Array(MILLION);
    for (let i = 0; i < MILLION; i += 3) array[i] = i;
    return array;
  })()),
  new Giant('sparse array', (() => {
    const array = [];
    for (let i = 0; i < 5000; i++) array[i * 100003] = i;
    return array;
  })()),
  new Giant('dictionary', dictionary(200000)),
  new Giant('map', new Map(Array.from({ length: 300000 }, (_, i) => [i, i]))),
  new Giant('buffer', Buffer.alloc(50 * MILLION)),
  new Giant('typed array', new Float64Array(MILLION)),
];
global.giants = giants;
setImmediate(() => {
  fs.writeSync(1, JSON.stringify({ counts: { Giant: giants.length }, node: process.version }) + '\n');
  v8.setFlagsFromString('--heap-snapshot-string-limit=500000');  // whole names of all but the giants, to tell true sizes
  if (process.argv[2]) v8.writeHeapSnapshot(process.argv[2]);
  process.abort();
});
