'use strict';
// Fills the V8 heap with a known number of objects and dies by abort(), so that the kernel writes a core.
//
//   node --max-old-space-size=8000 census.js MILLIONS [--snapshot FILE] [--live]
//
// An "object" is anything V8 allocates: instances, arrays, their element stores, strings, boxed numbers. A unit of work
// allocates OBJECTS_PER_UNIT of them, in the proportions of a service that holds sessions: class instances with a few
// fields, small arrays, short strings, numbers that do not fit a small integer. Everything stays reachable from one array.
//
// --snapshot FILE  write V8's own heap snapshot first and print how long it took (the peer that bench/run compares with)
// --live           print the line and exit instead of dying
const v8 = require('v8');

class Item {
  constructor(id, session, price, next) {
    this.id = id;
    this.session = session;
    this.price = price;
    this.next = next;
    this.done = false;
    this.quantity = id & 31;
    this.note = null;
  }
}

class Point {
  constructor(x, y, z) {
    this.x = x;
    this.y = y;
    this.z = z;
  }
}

class Session {
  constructor(id, name, home) {
    this.id = id;
    this.name = name;
    this.home = home;
    this.tags = null;
    this.items = null;
    this.created = id * 7;
    this.expires = id * 7 + 3600;
    this.open = true;
  }
}

// Session, name (flat string), Point, tags (array and store), items (array and store), 4 items, 4 prices, 1 tail string.
const OBJECTS_PER_UNIT = 16;
const UNITS_PER_CHUNK = 4096;

// Strings of 13 characters and more are joined lazily by V8; going through a Buffer gives flat ones.
const bytes = Buffer.from('session-of-a-customer-0000000000');
function flatName(id) {
  for (let at = bytes.length - 1; at >= bytes.length - 10; at--) {
    bytes[at] = 48 + (id % 10);
    id = (id / 10) | 0;
  }
  return bytes.latin1Slice(0, bytes.length);
}

function unit(id, previous) {
  const session = new Session(id, flatName(id), new Point(id, id & 255, id & 15));
  let item = previous;
  const items = [null, null, null, null];
  for (let i = 0; i < 4; i++) {
    item = new Item(id * 4 + i, session, id + 0.25 + i, item);
    items[i] = item;
  }
  session.items = items;
  session.tags = [id, session.name, flatName(id + 1)];
  return session;
}

const millions = Number(process.argv[2] || 1);
const units = Math.round((millions * 1e6) / OBJECTS_PER_UNIT);
const snapshotAt = process.argv.indexOf('--snapshot');

const started = Date.now();
const sessions = [];
let last = null;
for (let done = 0; done < units;) {
  const chunk = [];
  for (let i = 0; i < UNITS_PER_CHUNK && done < units; i++, done++) {
    const session = unit(done, null);
    session.items[3].next = last;
    last = session.items[3];
    chunk.push(session);
  }
  sessions.push(chunk);
}
global.sessions = sessions;

const line = {
  objects: units * OBJECTS_PER_UNIT,
  sessions: units,
  node: process.versions.node,
  build_ms: Date.now() - started,
  rss: process.memoryUsage().rss,
};
if (snapshotAt > 0) {
  const before = process.hrtime.bigint();
  v8.writeHeapSnapshot(process.argv[snapshotAt + 1]);
  line.snapshot_ms = Number((process.hrtime.bigint() - before) / 1000000n);
}
console.log(JSON.stringify(line));
if (!process.argv.includes('--live')) process.abort();
