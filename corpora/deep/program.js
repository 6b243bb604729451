'use strict';
// Long chains of everything. argv: [2] file for the heap snapshot.
const fs = require('fs');
const v8 = require('v8');

class Link {
  constructor(next) {
    this.next = next;
  }
}
class Ancestor {}

let list = null;
for (let i = 0; i < 300000; i++) list = new Link(list);

let rope = 'the first part of a rope';
for (let i = 0; i < 200000; i++) rope = rope + '-' + (i % 10);

let heir = new Ancestor();
for (let i = 0; i < 2000; i++) heir = Object.create(heir);

let nested = () => 0;
for (let i = 0; i < 1000; i++) nested = ((inner, level) => () => [inner, level])(nested, i);

let chain = Promise.resolve(0);
for (let i = 0; i < 10000; i++) chain = chain.then(new Function('return 1'));

global.chains = { list, rope, heir, nested, chain };
setImmediate(() => {
  fs.writeSync(1, JSON.stringify({ counts: { Link: 300000 }, node: process.version }) + '\n');
  if (process.argv[2]) v8.writeHeapSnapshot(process.argv[2]);
  process.abort();
});
