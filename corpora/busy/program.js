'use strict';
// Spins in a hot loop until it is killed.
const fs = require('fs');

class Body {
  constructor(i) {
    this.x = i * 0.5;
    this.y = i * 0.25;
    this.speed = 1 / (i + 1);
  }
}

function advance(bodies, step) {
  let energy = 0;
  for (const body of bodies) {
    body.x += body.speed * step;
    body.y -= body.speed * step;
    energy += body.x * body.x + body.y * body.y;
  }
  return energy;
}

function simulate(bodies, steps) {
  let total = 0;
  for (let i = 0; i < steps; i++) total += advance(bodies, 1e-6);
  return total;
}

const bodies = Array.from({ length: 900 }, (_, i) => new Body(i));
global.bodies = bodies;
simulate(bodies, 2000);
fs.writeSync(1, JSON.stringify({ counts: { Body: 900 }, node: process.version }) + '\n');
simulate(bodies, Infinity);
