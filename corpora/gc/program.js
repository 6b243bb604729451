'use strict';
// Keeps scavenges and mark-compacts going over a live set of known size until it is killed.
const fs = require('fs');

const PINNED = 60000;
const WINDOW = 20000;

class Pinned {
  constructor(i) {
    this.i = i;
    this.label = 'pinned ' + i;
    this.next = null;
  }
}

class Churned {
  constructor(i) {
    this.list = [i, i, i];
    this.partner = new Garbage(i);
  }
}

class Garbage {
  constructor(i) {
    this.i = i + 0.5;
  }
}

const pinned = Array.from({ length: PINNED }, (_, i) => new Pinned(i));
for (let i = 1; i < PINNED; i++) pinned[i - 1].next = pinned[i];
global.pinned = pinned;
const window = new Array(WINDOW).fill(null);
global.slidingWindow = window;

function churn(round) {
  for (let i = 0; i < WINDOW; i++) {
    window[(i * 7919 + round) % WINDOW] = new Churned(i);
    new Garbage(i);
    if (i % 100 === 0) pinned[(i * 31 + round) % PINNED].label = 'changed ' + i;
  }
}

for (let round = 0; round < 10; round++) churn(round);
fs.writeSync(1, JSON.stringify({ counts: { Pinned: PINNED }, node: process.version }) + '\n');
for (let round = 10; ; round++) churn(round);
