'use strict';
// Functions that the optimising compiler inlines into one another: stages, each a hot function that ends in a call which
// is not inlined. Every stage is optimised by itself; then they run one inside the other, and the innermost prints the
// Error.stack and aborts on the same line.
//   program.js turbofan|maglev|deoptimized
// With the last one the code of each stage is thrown away while it runs: V8 makes frames of the interpreter out of the
// optimised one, and those of builtins that go on where they had been inlined.
Error.stackTraceLimit = Infinity;
Error.prepareStackTrace = (error, sites) => sites.map((site) => ({shown: String(site), line: site.getLineNumber(),
                                                                  column: site.getColumnNumber()}));
const MAGLEV = process.argv[2] === 'maglev', DEOPTIMIZED = process.argv[2] === 'deoptimized';
if (MAGLEV && process.config.variables.v8_enable_maglev !== 1) {
  console.log(JSON.stringify({frames: [], optimized: [], stages: 0, maglev: false}));
  process.abort();
}
if (MAGLEV) for (const flag of ['--maglev', '--no-turbofan']) require('v8').setFlagsFromString(flag);
const LAST = 7;

function native(text) {
  try {
    return new Function('f', text);
  } catch (_) {
    return () => false;
  }
}
const prepare = native('%PrepareFunctionForOptimization(f)');
const optimize = native(MAGLEV ? '%OptimizeMaglevOnNextCall(f)' : '%OptimizeFunctionOnNextCall(f)');
const isAsked = native(MAGLEV ? 'return %ActiveTierIsMaglev(f)' : 'return %ActiveTierIsTurbofan(f)');
const status = native('return %GetOptimizationStatus(f)');
const deoptimize = native('%DeoptimizeFunction(f)');

// Eight functions: a call of one of them is megamorphic, so that it is not inlined, and nothing changes for the code
// when one becomes the deadly one.
const hooks = Array.from({length: LAST + 1}, (_, i) => eval(`(n => n + ${i})`));
// The same before the call: what is called there may leave its caller in the interpreter.
const earlier = hooks.map((_, i) => eval(`(n => n - ${i})`));
const pass = DEOPTIMIZED ? function pass(n) {
  earlier[n & LAST](n);
  return hooks[n & LAST](n);
} : function pass(n) {
  return hooks[n & LAST](n);
};

class Store {
  constructor(name) { this.name = name; }
  load(key) { return this.fetch(key) + 1; }
  fetch(key) { return this.read(key, 'disk', 1.5, undefined, this) + 1; }
  read(key, where, weight, nothing, store) { return pass(key) + 1; }
  get value() { return this.read(LAST, 'getter', 0.25, null, this) + 1; }
  set value(x) { this.read(x, 'setter', -2.5, null, this); }
  static open(n) { return this.make(n) + 1; }
  static make(n) { return pass(n) + 1; }
}
class Cache extends Store {
  fetch(key) { return super.fetch(key) + 1; }
}
class Point {
  constructor(x) {
    this.x = x;
    this.norm = this.measure(x);
  }
  measure(x) { return pass(x) + 1; }
}
class Solid extends Point {
  constructor(x) {
    super(x);
    this.z = x;
  }
}
class Outer extends Point {
  constructor(x) {
    super(0);
    this.z = pass(x);
  }
}
class Temporary {
  constructor(x, y) {
    this.x = x;
    this.y = y;
  }
  scale(by) { return this.reach(by, this.x) + 1; }
  reach(by, x) { return pass(by) + x; }
}
function OldStyle(x) {
  this.x = x;
  this.sum = pass(x);
}
OldStyle.prototype.assigned = function(n) { return pass(n) + 1; };
OldStyle.prototype.named = function other(n) { return pass(n) + 1; };
function few(n, missing, absent) { return pass(n) + 1; }
function many(n) { return pass(n) + 1; }
function rest(n, ...others) { return pass(n) + others.length; }
function counted(n) { return pass(n) + arguments.length; }
const sloppy = new Function('pass', 'return function sloppy(n) { return pass(n) + 1; }')(pass);
const holder = {alias: few, short(n) { return pass(n) + 1; }};
const cache = new Cache('one'), store = new Store('two'), old = new OldStyle(1);
const one = [LAST];
let kept;

const stages = [
  function viaMethods(n) { return cache.load(n) + 1; },
  function viaBase(n) { return store.load(n) + 1; },
  function viaGetter(n) { return n === LAST ? cache.value + 1 : 0; },
  function viaSetter(n) { cache.value = n; return n; },
  function viaStatic(n) { return Cache.open(n) + 1; },
  function viaConstructor(n) { const point = new Point(n); return point.x + 1; },
  function viaKept(n) { kept = new Point(n); return n; },
  function viaSuper(n) { const solid = new Solid(n); return solid.z + 1; },
  function viaDerived(n) { kept = new Outer(n); return n; },
  function viaTemporary(n) { return new Temporary(n, 1).scale(n) + 1; },
  function viaOld(n) { return new OldStyle(n).x + 1; },
  function viaAssigned(n) { return old.assigned(n) + old.x; },
  function viaNamed(n) { return old.named(n) + 1; },
  function viaFew(n) { return few(n) + 1; },
  function viaMany(n) { return many(n, 'more', 2.5) + 1; },
  function viaRest(n) { return rest(n, 1, 2) + 1; },
  function viaCounted(n) { return counted(n, 1, 2) + 1; },
  function viaAlias(n) { return holder.alias(n) + 1; },
  function viaShort(n) { return holder.short(n) + 1; },
  function viaClosure(n) {
    const add = (y) => pass(y) + n;
    const twice = (y) => add(y) + 1;
    return twice(n) + 1;
  },
  function viaCall(n) { return few.call(store, n, 1) + 1; },
  function viaApply(n) { return Reflect.apply(few, cache, [n, 1, 2]) + 1; },
  function viaSloppy(n) { return sloppy(n) + 1; },
  function viaSloppyNumber(n) { return sloppy.call(5, n) + 1; },
  function viaStrictText(n) { return few.call('text', n) + 1; },
  function viaMap(n) { return one.map((x) => pass(n))[0] + 1; },
  function viaForEach(n) { one.forEach(function each(x, i) { pass(n); }); return n; },
  function viaReduce(n) { return one.reduce((sum, x) => sum + pass(n), 0) + 1; },
  function viaReduceRight(n) { return one.reduceRight((sum, x) => sum + pass(n), 0) + 1; },
  function viaFilter(n) { return one.filter((x) => pass(n) > 0).length + 1; },
  function viaFind(n) { return one.find((x) => pass(n) > 0) + 1; },
  function viaFindIndex(n) { return one.findIndex((x) => pass(n) > 0) + 1; },
  function viaSome(n) { return one.some((x) => pass(n) > 0) ? 1 : 0; },
  function viaEvery(n) { return one.every((x) => pass(n) > 0) ? 1 : 0; },
  function viaNested(n) { return one.map((x) => one.map((y) => store.load(n))[0])[0] + 1; },
  function viaThisArgument(n) { one.forEach(function each() { this.load(n); }, cache); return n; },
  function viaPromise(n) { new Promise((resolve) => { resolve(pass(n)); }); return n; },
  function viaBound(n) { return bound(n) + 1; },
  function viaTry(n) { try { return store.load(n); } finally { kept = n; } },
];
const bound = few.bind(store);

for (const stage of stages) {
  prepare(stage);
  for (let i = 0; i < 400; i++) stage(i & LAST);
  optimize(stage);
  for (let i = 0; i < 16; i++) stage(i & LAST);
}
// Bit 4, before V8 could be asked for the tier: has optimised code.
const optimized = stages.filter((stage) => isAsked(stage) || (!MAGLEV && status(stage) & 16)).map((stage) => stage.name);

// What the first arguments of some of them are in the deadly calls; {} is undefined.
const passed = {
  read: [[LAST, 'disk', 1.5, {}], [LAST, 'getter', 0.25, null], [LAST, 'setter', -2.5, null]],
  few: [[LAST]], many: [[LAST, 'more', 2.5]], rest: [[LAST, 1, 2]], counted: [[LAST, 1, 2]], make: [[LAST]],
  reach: [[LAST, LAST]], measure: [[LAST], [0]], sloppy: [[LAST]],
};
let depth = 0;
earlier[LAST] = () => depth > 0 && deoptimize(stages[depth - 1]);
hooks[LAST] = () => {
  if (depth < stages.length) return stages[depth++](LAST);
  const frames = new Error('now').stack; console.log(JSON.stringify({frames, optimized, passed, stages: stages.length, maglev: MAGLEV})); process.abort();
};
pass(LAST);
