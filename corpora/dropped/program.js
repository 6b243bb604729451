'use strict';
// As many instances dropped as kept, with no collection in between. argv: [2] how many of each.
const fs = require('fs');

const EACH = Number(process.argv[2] || 5000);

class Kept {
  constructor(i) {
    this.i = i;
    this.next = null;
  }
}

class Garbage {
  constructor(i) {
    this.i = i;
    this.next = null;
  }
}

function fill(make) {
  return Array.from({ length: EACH }, (_, i) => make(i));
}

global.kept = fill((i) => new Kept(i));
(function drop() {
  const list = fill((i) => new Garbage(i));
  for (let i = 1; i < EACH; i++) list[i - 1].next = list[i];
})();

// Overwrites what the finished calls have left on the machine stack.
function scrub(depth) {
  return depth === 0 ? 0 : scrub(depth - 1) + depth;
}
scrub(500);

setTimeout(() => {
  scrub(500);
  fs.writeSync(1, JSON.stringify({ counts: { Kept: EACH }, dead: { Garbage: EACH }, node: process.version }) + '\n');
  process.abort();
}, 5);
