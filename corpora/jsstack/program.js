'use strict';
// A chain of calls through every tier of V8 and the usual detours, which prints the Error.stack of its innermost
// function and aborts on the same line.
Error.stackTraceLimit = Infinity;
const DEEP = 3;
// Eight functions: a call of one of them is megamorphic, so that optimised code neither inlines it nor is thrown away
// when it becomes the deadly one.
const hooks = Array.from({length: 8}, (_, i) => eval(`(n => n + ${i})`));

// What V8 lets a program ask of its compilers, where this version has it (and 12.0 survives being asked).
const v8 = require('v8');
if (parseInt(process.versions.node) >= 16) for (const flag of ['--allow-natives-syntax', '--sparkplug', '--maglev']) v8.setFlagsFromString(flag);
function native(text) {
  try {
    return new Function('f', text);
  } catch {
    return () => false;
  }
}
const prepare = native('%PrepareFunctionForOptimization(f)');
const compileBaseline = native('return %CompileBaseline(f)');
const optimizeMaglev = native('%OptimizeMaglevOnNextCall(f)');
const isBaseline = native('return %ActiveTierIsSparkplug(f)');
const isMaglev = native('return %ActiveTierIsMaglev(f)');

function frameOf(site) {
  return {shown: String(site), line: site.getLineNumber(), column: site.getColumnNumber()};
}
Error.prepareStackTrace = (error, sites) => sites.map(frameOf);

function die() {
  // Functions that run on this stack by the code of a compiler that was asked for.
  const tiers = {};
  if (isBaseline(sparked) || madeBaseline) tiers.sparked = 'sparkplug';
  if (isMaglev(middling)) tiers.middling = 'maglev';
  const frames = new Error('now').stack; console.log(JSON.stringify({frames, tiers})); process.abort();
}
function sparked(n, then) {
  hooks[n & 7](n);
  return then(
      n);
}
function middling(n, then) {
  hooks[n & 7](n);
  return (() => n)() + passers[n & 7](then);
}
const passers = Array.from({length: 8}, (_, i) => eval(`(f => f(${i}))`));
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
const viaTiers = () => sparked(DEEP, () => middling(DEEP, viaMap));
const viaEval = new Function('f', 'return (function inEval() {\n  return f();\n})();');

for (let i = 0; i < 30000; i++) hot(i & 7);
for (const f of [sparked, middling]) prepare(f);
for (let i = 0; i < 16; i++) sparked(i, (n) => n) + middling(i, (n) => n);
const madeBaseline = compileBaseline(sparked);
optimizeMaglev(middling);
sparked(DEEP, (n) => n);
middling(DEEP, (n) => n);

async function resumed() {
  await null;
  hooks[DEEP + 1] = die;
  return viaEval(viaTiers);
}
resumed();
