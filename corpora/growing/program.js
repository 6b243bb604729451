'use strict';
// A heap of a given age. argv: [2] age, from 1 up.
const fs = require('fs');

const AGE = Number(process.argv[2] || 1);
const counts = {};

function keep(type, number) {
  counts[type.name] = number;
  return Array.from({ length: number }, (_, i) => new type(i));
}

class Grower {
  constructor(i) {
    this.i = i;
    this.body = [i, i, i, i];
    for (let k = 0; k < 10; k++) this['field' + k] = k;
  }
}
class SlowGrower {
  constructor(i) {
    this.i = i;
  }
}
class Shrinker {
  constructor(i) {
    this.i = i;
  }
}
class Steady {
  constructor(i) {
    this.i = i;
  }
}
class OnlyYoung {}
class OnlyOld {}

global.kept = [
  keep(Grower, 1000 + 500 * AGE),
  keep(SlowGrower, 50 * AGE),
  keep(Shrinker, Math.max(0, 3000 - 100 * AGE)),
  keep(Steady, 2000),
  keep(OnlyYoung, AGE === 1 ? 300 : 0),
  keep(OnlyOld, AGE > 1 ? 200 : 0),
];

setTimeout(() => {
  if (global.gc) global.gc();
  fs.writeSync(1, JSON.stringify({ counts, age: AGE, node: process.version }) + '\n');
  process.abort();
}, 5);
