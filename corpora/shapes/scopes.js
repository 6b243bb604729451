// Closures over scopes of every kind. Sloppy mode: `with` and the scopes that eval adds to are of it.
const {describe, tell, attempt, evaluated, closure, show} = require('./describe.js');

(function functionScope(parameter, [destructured, {deep}], ...rest) {
  var local = 'var';
  let changing = 1;
  const fixed = {c: 1};
  const unused = 'not in the context';
  changing = 2;
  closure('functionScope', () => [parameter, destructured, deep, rest, local, changing, fixed],
          {local, changing, fixed}, {parameter, destructured, deep, rest});
})('p', [1.5, {deep: 'd'}], 'r1', 'r2');
{
  let blockLocal = 'in a block';
  closure('blockScope', () => blockLocal, {blockLocal});
}
try {
  throw {thrown: true};
} catch (caught) {
  closure('catchScope', () => caught, {caught});
}
try {
  throw {message: 'm', code: 7};
} catch ({message, code}) {
  closure('catchPattern', () => [message, code], {message, code});
}
const loops = [];
for (let i = 0; i < 3; i++) loops.push(() => i);
loops.forEach((f, i) => closure(`loop${i}`, f, {i}));
for (const of of ['a', 'b']) if (of === 'b') closure('ofLoop', () => of, {of});
for (const inKey in {k: 1}) closure('inLoop', () => inKey, {inKey});
const shadowed = 'outer';
(function () {
  const shadowed = 'middle';
  const other = 1;
  {
    const shadowed = 'inner';
    closure('shadowing', () => [shadowed, other], {shadowed: 'inner'}, {shadowed: 'middle', other: 1});
  }
  closure('shadowingMiddle', () => shadowed + other, {shadowed: 'middle', other: 1});
})();
(function () {
  closure('deadZone', () => [later, laterConst, early], {later: closure.unset, laterConst: closure.unset, early: 'set'});
  var early = 'set';
  throwIn(() => { if (early) throw 0; }); // The next lines are never run.
  let later = 1;
  const laterConst = 2;
  class LaterClass {}
  return [later, laterConst, LaterClass];
  function throwIn(f) { try { f(); } catch (e) { return; } }
});
try {
  (function () {
    const early = 'set';
    closure('deadZone', () => [later, laterConst, early], {later: closure.unset, laterConst: closure.unset, early});
    throw 0;
    let later = 1; // eslint-disable-line no-unreachable
    const laterConst = 2;
  })();
} catch (e) { /* as it should */ }
(function (a, b = () => a) {
  var a = 'body a';
  closure('parameterScope', b, {a: 'given a'});
  closure('bodyScope', () => a, {a});
})('given a');
(function () {
  eval('var fromEval = "added"; var second = 2');
  tell('evalScope', () => fromEval, {kind: 'function', internal: {context: {properties: {
    fromEval: describe('added'), second: describe(2), inEval: {kind: 'function'}, strictEval: {kind: 'function'},
    this: {kind: 'global'}, '.new.target': describe(undefined), arguments: {kind: 'arguments'}}}}});
  const inEval = eval('let blockOfEval = "b"; () => blockOfEval');
  closure('letInEval', inEval, {blockOfEval: 'b'});
  const strictEval = eval('"use strict"; var strictVar = "s"; (() => strictVar)');
  closure('strictEval', strictEval, {strictVar: 's'});
})();
with ({property: 'of with', method() {}}) {
  let besides = 'let in with';
  tell('withScope', () => property, {kind: 'function'});
  tell('letInWith', () => [property, besides], {kind: 'function', internal: {context: {properties: {besides: describe(besides)}},
       'context 1': {internal: {with: {kind: 'object', properties: {property: describe('of with'), method: {kind: 'function', value: 'method'}}}}}}});
}
const named = function itsOwnName() { return () => itsOwnName; };
tell('namedExpression', named(), {kind: 'function', internal: {context: {properties: {itsOwnName: {kind: 'function', value: 'itsOwnName'}}}}});
const both2 = function ownNameAndMore(x) { const y = 'y'; return () => [ownNameAndMore, x, y]; };
tell('namedWithLocals', both2(5), {kind: 'function', internal: {context: {properties: {
  ownNameAndMore: {kind: 'function', value: 'ownNameAndMore'}, x: describe(5), y: describe('y')}}}});
function usesThis() { const self = 1; return () => [this, self, arguments, new.target]; }
tell('thisAndArguments', usesThis.call({t: 1}, 'x'), {kind: 'function', internal: {context: {properties: {self: describe(1), arguments: {kind: 'arguments'}, this: {kind: 'object'}, '.new.target': describe(undefined)}}}});
const superIsKept = parseInt(process.versions.node) < 16; // Later V8 finds it otherwise.
class Outer { static make() { const held = 'h'; return () => [held, super.toString]; } }
tell('superClosure', Outer.make(), {kind: 'function', internal: {context: {properties: {held: describe('h'), this: {kind: 'class', value: 'Outer'}, ...(superIsKept ? {'.this_function': {kind: 'function', value: 'make'}} : {})}}}});
const classScope = class Named { static self() { return Named; } };
tell('classScope', classScope.self, {kind: 'function', internal: {context: {properties: {Named: {kind: 'class', value: 'Named'}}}}});
attempt(() => {
  const WithFields = evaluated('return class { #secret = 1; field = () => this.#secret; }');
  tell('fieldArrow', new WithFields().field, {kind: 'function'});
});
function many() {
  let v0 = 0, v1 = 1, v2 = 2, v3 = 3, v4 = 4, v5 = 5, v6 = 6, v7 = 7, v8 = 8, v9 = 9, v10 = 10, v11 = 11, v12 = 12, v13 = 13, v14 = 14, v15 = 15, v16 = 16;
  return () => [v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15, v16];
}
closure('manyVariables', many(), Object.fromEntries ? Object.fromEntries(Array.from({length: 17}, (_, i) => [`v${i}`, i])) : {});
function hugeScope() {
  const names = Array.from({length: 100}, (_, i) => `h${i}`);
  return evaluated(`let ${names.map((n, i) => `${n} = ${i} + 0.5`).join()}; return () => [${names.join()}];`);
}
const hundred = {};
for (let i = 0; i < 100; i++) hundred[`h${i}`] = i + 0.5;
closure('hundredVariables', hugeScope(), hundred);
function counting() {
  let whole = 0, fraction = 0.5, both = 1, text = 'a', big = 1n;
  return () => { whole++; fraction += 0.5; both = both === 1 ? 2.5 : both; text += 'b'; big *= 3n; return [whole, fraction, both, text, big]; };
}
const counter = counting();
let last;
for (let i = 0; i < 1000; i++) last = counter();
const [whole, fraction, both, text, big] = last;
tell('changing', counter, {kind: 'function', internal: {context: {properties: {
  whole: describe(whole), fraction: describe(fraction), both: describe(both), big: describe(big), text: {kind: 'string', length: text.length}}}}});
const precise = (() => { let precisely = 0.125; return () => { precisely += 1000; }; })();
for (let i = 0; i < 20; i++) precise();
closure('precise', precise, {precisely: 20000.125});
function* generating() { let inGenerator = 'g'; yield () => inGenerator; }
closure('generatorScope', generating().next().value, {inGenerator: 'g'});
(async function () { let inAsync = 'a'; closure('asyncScope', () => inAsync, {inAsync}); })();
const unicode = (() => { let \u00fcml\u00e4ut = 1, $dollar = 2, _u = 3, \u65e5\u672c = 4; return () => \u00fcml\u00e4ut + $dollar + _u + \u65e5\u672c; })();
closure('namesOfVariables', unicode, {'\u00fcml\u00e4ut': 1, $dollar: 2, _u: 3, '\u65e5\u672c': 4});
const switchScope = (x => { switch (x) { case 1: let inSwitch = 's'; return () => inSwitch; } })(1); // eslint-disable-line no-case-declarations
closure('switchScope', switchScope, {inSwitch: 's'});
const labelled = (() => { a: { const inLabel = 'l'; return () => inLabel; } })();
closure('labelScope', labelled, {inLabel: 'l'});
const {mapped, duplicate} = require('./objects.js');
tell('mappedClosure', mapped[1], {kind: 'function', internal: {context: {properties: {a: describe('changed'), b: describe('through'), c: describe('beyond')}}}});
tell('newFunction', new Function('x', 'return x + 1'), {kind: 'function', value: 'anonymous'});
