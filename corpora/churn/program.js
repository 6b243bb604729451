'use strict';
// Instances dropped in the ways programs drop them, with collections in between, until old pointers lie about in handle
// blocks, freed memory, uninitialised buffers and stacks of helper threads. argv: [2] how many of each kind.
const { EventEmitter } = require('events');
const fs = require('fs');

const EACH = Number(process.argv[2] || 5000);

class Kept {
  constructor(i) {
    this.i = i;
    this.text = 'kept ' + i;
  }
}
class WeakKey {
  constructor(i) {
    this.i = i;
    this.own = { i };
  }
}
class MapValue {
  constructor(i) {
    this.i = i;
    this.pair = [i, i + 1];
    this.get = () => this.i;
  }
}
class Awaited {
  constructor(i) {
    this.i = i;
    this.when = new Date();
  }
}
class Emitter extends EventEmitter {
  constructor(i) {
    super();
    this.i = i;
    this.on('x', () => i);
  }
}

global.kept = [];
global.weak = new WeakMap();
global.map = new Map();
global.pool = [];

async function awaited(i) {
  const value = new Awaited(i);
  await null;
  return value.i;
}

async function main() {
  let keys = [];
  for (let i = 0; i < EACH; i++) {
    global.kept.push(new Kept(i));
    keys.push(new WeakKey(i));
    global.weak.set(keys[i], i);
    global.map.set('k' + i, new MapValue(i));
  }
  keys = null;
  global.map.clear();
  let done = 0;
  for (let i = 0; i < EACH; i += 100) {
    done += (await Promise.all(Array.from({ length: 100 }, (_, k) => awaited(i + k)))).length;
    global.pool.push(Buffer.allocUnsafe(9000)); // as malloc gives it
  }
  let emitters = [];
  for (let i = 0; i < EACH; i++) emitters.push(new Emitter(i));
  emitters.sort((a, b) => b.i - a.i);
  for (const emitter of emitters) emitter.emit('x');
  emitters = null;
  global.junk = JSON.stringify(global.kept).length + done;
}

main().then(() =>
  setTimeout(() => {
    let junk = [];
    for (let i = 0; i < 100000; i++) junk.push({ i });
    junk = null;
    setImmediate(() => {
      const dead = { WeakKey: EACH, MapValue: EACH, Awaited: EACH, Emitter: EACH };
      fs.writeSync(1, JSON.stringify({ counts: { Kept: EACH }, dead, node: process.version }) + '\n');
      process.abort();
    });
  }, 5),
);
