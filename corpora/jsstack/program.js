'use strict';
// A chain of calls through every tier of V8 and the usual detours, which prints the Error.stack of its innermost
// function and aborts on the same line.
Error.stackTraceLimit = Infinity;
const DEEP = 3;
// Eight functions: a call of one of them is megamorphic, so that optimised code neither inlines it nor is thrown away
// when it becomes the deadly one.
const hooks = Array.from({length: 8}, (_, i) => eval(`(n => n + ${i})`));

function frameOf(site) {
  return {function: site.getFunctionName(), shown: String(site), file: site.getFileName(), line: site.getLineNumber(),
          column: site.getColumnNumber(), eval: site.isEval(), native: site.isNative()};
}
Error.prepareStackTrace = (error, sites) => sites.map(frameOf);

function die() {
  const frames = new Error('now').stack; console.log(JSON.stringify({frames})); process.abort();
}
function leaf(n) {
  hooks[n & 7](n);
  return n + 1;
}
function middle(n) {
  return leaf(n) + leaf(n + 1);
}
function hot(n) {
  let sum = 0;
  for (let i = 0; i < 10; i++) sum += middle(n + i);
  return sum;
}
class Worker {
  constructor(n) {
    this.result = hot(n);
  }
  get value() {
    return new Worker(DEEP).result;
  }
}
function viaMap() {
  return [1].map(function each(x) {
    return new.target === undefined && Object.create(Worker.prototype).value + x;
  });
}
const viaEval = new Function('f', 'return (function inEval() {\n  return f();\n})();');

for (let i = 0; i < 30000; i++) hot(i & 7);

async function resumed() {
  await null;
  hooks.fill(die);
  return viaEval(viaMap);
}
resumed();
