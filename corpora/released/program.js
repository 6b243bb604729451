'use strict';
// Pages that a collection has just freed and that wait for being unmapped, those of large objects above all. argv: [2] how
// many arrays of 1 MiB, and thousands of small objects.
const fs = require('fs');

const EACH = Number(process.argv[2] || 200);

class Small {
  constructor(i) {
    this.i = i;
    this.words = [i, i, i, i, i, i, i, i];
  }
}

class Held {
  constructor(i) {
    this.i = i;
    this.words = new Array(1 << 17).fill(i);
  }
}

function fill() {
  return Array.from({ length: EACH }, (_, i) => new Held(i));
}

// Overwrites what the finished calls have left on the machine stack.
function scrub(depth) {
  return depth === 0 ? 0 : scrub(depth - 1) + depth;
}

// Stale native memory may hold what Array.from() put aside while its array grew: nearly all of Held, but not their words.
global.held = fill().slice(0, 10);
global.dropped = [fill(), Array.from({ length: 1000 * EACH }, (_, i) => new Small(i))];
global.gc();  // the small ones become old
global.gc();
setImmediate(() => {
  global.dropped = null;
  scrub(500);
  global.gc();
  const used = process.memoryUsage().heapUsed;
  fs.writeSync(1, JSON.stringify({ counts: {}, between: { Held: [global.held.length, 2 * EACH], Small: [0, 20] },
                                  heap_used: used, node: process.version }) + '\n');
  process.abort();
});
