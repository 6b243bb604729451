'use strict';
// Two functions that call each other until the stack of the process has no room left: --stack-size lets V8 believe that there is
// more. Before that it prints where each of them calls the other, as Error.stack says it.
const fs = require('fs');

Error.prepareStackTrace = (error, sites) => sites.map(String);
const repeated = [];
function note() {
  repeated.push(new Error('now').stack[2]);
  if (repeated.length === 2) fs.writeSync(1, JSON.stringify({repeated}) + '\n');
}

function walk(depth) {
  if (depth === 2) note();
  return visit(depth + 1) + 1;
}
function visit(depth) {
  if (depth === 3) note();
  return walk(depth + 1);
}
walk(0);
