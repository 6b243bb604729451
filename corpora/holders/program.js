'use strict';
// One target for each way in which JavaScript can hold an object. A target is known by its label, and nothing but its
// holder refers to it. Prints which holder that is and how it holds, then aborts.
// Newer syntax is compiled through optional(), so that the file loads in Node 12.0.
const fs = require('fs');

const holders = [];   // what is kept alive
const expected = {};  // by label: [type of the holder, kind of the edge, name or index]

function labelled(label, object) {
  object.label = label;
  return object;
}
class Target {
  constructor(label) {
    this.label = label;
  }
}

// `make` gets a fresh target and returns what is to be kept.
function hold(label, type, kind, name, make, create = (text) => new Target(text)) {
  expected[label] = [[type, kind, name]];
  holders.push(make(create(label)));
}
function optional(source) {
  try {
    new Function('hold', 'Target', source)(hold, Target);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof ReferenceError || error instanceof TypeError)) throw error;
  }
}

class Session {
  constructor(user) {
    this.user = user;
  }
}
class Wide {
  constructor(last) {
    for (let i = 0; i < 60; i++) this['field' + i] = i;
    this.late = last;
  }
}
const symbolKey = Symbol('hidden key');
const anchor = { anchor: 1 };
holders.push(anchor);

// Properties.
hold('in-object', 'Session', 'property', 'user', (target) => new Session(target));
hold('out-of-object', 'Wide', 'property', 'late', (target) => new Wide(target));
hold('dictionary', 'Object', 'property', 'slow', (target) => {
  const object = {};
  for (let i = 0; i < 40; i++) object['k' + i] = i;
  for (let i = 0; i < 30; i++) delete object['k' + i];
  object.slow = target;
  return object;
});
hold('many elements', 'Array', 'element', 0, (target) => new Array(200).fill(target));
for (let i = 1; i < 200; i++) expected['many elements'].push(['Array', 'element', i]);
hold('symbol key', 'Object', 'property', 'hidden key', (target) => ({ [symbolKey]: target }));
hold('getter', 'Object', 'property', 'get acc', (target) => Object.defineProperty({}, 'acc', { get: target, enumerable: true }),
  (label) => labelled(label, () => 1));
hold('setter', 'Object', 'property', 'set acc', (target) => Object.defineProperty({}, 'acc', { set: target, configurable: true }),
  (label) => labelled(label, (value) => value));
hold('not writable', 'Object', 'property', 'fixed', (target) => Object.defineProperty({}, 'fixed', { value: target }));
hold('of a global', 'global', 'property', 'heldByGlobal', (target) => {
  globalThis.heldByGlobal = target;
  return null;
});
hold('of function', 'Function', 'property', 'extra', (target) => Object.assign(() => 2, { extra: target }));

// Elements.
hold('element', 'Array', 'element', 2, (target) => [1, 2, target]);
hold('with holes', 'Array', 'element', 3, (target) => [1, , 2, target]);
hold('sparse', 'Array', 'element', 5000000, (target) => {
  const array = [];
  array[5000000] = target;
  return array;
});
hold('frozen', 'Array', 'element', 0, (target) => Object.freeze([target]));
hold('of an object', 'Object', 'element', 1, (target) => ({ 0: 'a', 1: target }));
hold('arguments', 'Arguments', 'element', 1, (target) => (function() { return arguments; })(0, target));

// Collections.
hold('map value', 'Map', 'entry', 'value', (target) => new Map([['first', 1], ['wanted', target]]));
hold('map key', 'Map', 'entry', 'key', (target) => new Map([[target, 1]]));
hold('set member', 'Set', 'entry', 'member', (target) => new Set([1, target]));
hold('weak map value', 'WeakMap', 'entry', 'value', (target) => new WeakMap([[anchor, target]]));
expected['weak map value'].push(['Object', 'internal', 'part of key -> value pair in WeakMap']);  // the key keeps it

// Functions.
hold('variable', 'Context', 'context', 'captured', (captured) => () => captured);
hold('of a block', 'Context', 'context', 'inBlock', (target) => {
  const list = [];
  for (let i = 0; i < 1; i++) {
    const inBlock = target;
    list.push(() => inBlock);
  }
  return list;
});
hold('bound argument', 'Function', 'shortcut', 'bound_argument_1', (target) => Math.max.bind(null, 1, target));
hold('bound this', 'Function', 'internal', 'bound_this', (target) => Map.prototype.has.bind(target));
hold('bound function', 'Function', 'internal', 'bound_function', (target) => target.bind(1),
  (label) => labelled(label, function bound() { return this; }));
hold('constructed', 'Function', 'property', 'prototype', (target) => {
  function Made() {}
  Made.prototype = target;
  return Made;
});
hold('generator', 'steps', 'internal', 'register', (target) => {
  function* steps(kept) {
    const again = [kept];
    again[0] = null;
    yield 1;
    return kept;
  }
  const generator = steps(target);
  generator.next();
  return generator;
});

// Promises, proxies, buffers, prototypes.
hold('fulfilled', 'Promise', 'internal', 'reactions_or_result', (target) => Promise.resolve(target));
hold('proxy target', 'Proxy', 'internal', 'target', (target) => new Proxy(target, {}));
hold('proxy handler', 'Proxy', 'internal', 'handler', (target) => new Proxy({}, target));
hold('buffer', 'Uint8Array', 'internal', 'buffer', (target) => new Uint8Array(target),
  (label) => labelled(label, new ArrayBuffer(64)));
hold('prototype', 'Map', 'internal', 'prototype', (target) => Object.create(target));
hold('cause', 'Error', 'property', 'reason', (target) => Object.assign(new Error('held'), { reason: target }));

optional(`
  class Hidden { #secret; constructor(target) { this.#secret = target; } get() { return this.#secret; } }
  hold('private', 'Hidden', 'property', '#secret', (target) => new Hidden(target));`);

global.holders = holders;
setImmediate(() => {
  fs.writeSync(1, JSON.stringify({ expected, node: process.version }) + '\n');
  process.abort();
});
