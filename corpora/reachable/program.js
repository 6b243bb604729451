'use strict';
// Every object that the program can reach from its global object, from the modules of Node.js and from a context of vm, by own
// properties, prototypes, and entries: told one level deep.
const {types} = require('util');
const vm = require('vm');
const {describe, gallery, told} = require('./describe.js');
const IN_A_GROUP = 20, MOST = 30000, LONGEST = 300;

process.keep = gallery;
const globals = [globalThis, vm.runInNewContext('globalThis')]; // eslint-disable-line no-undef
const seen = new Set(), queue = [];
const reach = value => {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function') || seen.has(value) || seen.size >= MOST) return;
  seen.add(value);
  queue.push(value);
};
const own = new Set([describe, gallery, told, seen, queue]); // they change while they are looked at
own.forEach(value => seen.add(value));
function visit(value) {
  if (types.isProxy(value) || types.isModuleNamespaceObject(value)) return;
  reach(Object.getPrototypeOf(value));
  for (const key of Reflect.ownKeys(value)) {
    if (types.isTypedArray(value) && typeof key === 'string') continue;
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (!property) continue;
    reach(property.value), reach(property.get), reach(property.set);
  }
  if (types.isMap(value)) Map.prototype.forEach.call(value, (held, key) => (reach(held), reach(key)));
  if (types.isSet(value)) Set.prototype.forEach.call(value, reach);
}

/// Of the global object, which is a proxy to V8, and of what names itself.
function unsure(description, value) {
  if (value === null || typeof value !== 'object') return;
  if (globals.includes(value)) Object.assign(description, {kind: undefined, type: undefined});
  if (types.isProxy(value)) return;
  if (['constructor', Symbol.toStringTag].some(key => Object.prototype.hasOwnProperty.call(value, key))) description.type = undefined;
  if (/^\[object WebAssembly/.test(Object.prototype.toString.call(value))) description.kind = undefined;
  if (value === process && description.properties) { // C++ computes these
    for (const name of ['title', 'ppid', 'debugPort']) description.properties[name] = null;
  }
}

/// As describe() does, but long texts and contents by their length, and the own properties of functions.
function brief(description) {
  if (!description || typeof description !== 'object') return description;
  if (description.kind === 'string' && description.length > LONGEST) delete description.value;
  for (const list of [description.elements, description.entries]) {
    if (list) list.forEach(pair => pair.forEach(brief));
    if (list && list.length > LONGEST) return Object.assign(description, {elements: undefined, entries: undefined});
  }
  Object.values(description.properties || {}).forEach(brief);
  return description;
}
function tellOne(value) {
  const description = describe(value, 1);
  if (description.kind === 'proxy') return description;
  for (const key of Reflect.ownKeys(value)) {
    const name = typeof key === 'symbol' ? `Symbol(${key.description || ''})` : key;
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (description.properties && description.properties[name] && property && 'value' in property) {
      unsure(description.properties[name], property.value);
    }
  }
  unsure(description, value);
  if (typeof value === 'function') {
    const properties = Object.create(null);
    for (const key of Reflect.ownKeys(value)) {
      const property = Object.getOwnPropertyDescriptor(value, key);
      const name = typeof key === 'symbol' ? `Symbol(${key.description || ''})` : key;
      // V8 computes these, until they are changed.
      const computed = ['prototype', 'arguments', 'caller', 'name', 'length'].includes(key);
      properties[name] = computed ? null : property.get || property.set ? {kind: 'accessor'} : describe(property.value, 0);
    }
    if (Object.values(properties).some(property => property !== null)) description.properties = properties;
    if (Function.prototype.toString.call(value) === 'function () { [native code] }') {
      delete description.kind; // perhaps bound, whatever its name
      delete description.value;
    }
  }
  return brief(description);
}

for (const name of require('module').builtinModules) {
  if (/^_|^v8\/|^internal|inspector|wasi|repl|^sys$|punycode|trace_events|^test|node:/.test(name)) continue;
  try {
    reach(require(name));
  } catch (error) {
    // not in this build
  }
}
globals.forEach(reach);
reach(process);
while (queue.length) visit(queue.shift());
const all = [...seen].filter(value => !own.has(value) && value !== process.env);
// What describing changes: lazily made members, and what V8 remembers.
for (let round = 0; round < 2; round++) {
  for (let start = 0; start < all.length; start += IN_A_GROUP) {
    const group = all.slice(start, start + IN_A_GROUP);
    gallery[`group${start / IN_A_GROUP}`] = group;
    told[`group${start / IN_A_GROUP}`] = {kind: 'array', elements: group.map((value, i) => {
      let description = {};
      try {
        description = tellOne(value);
      } catch (error) {
        description = {};
      }
      return [i, description];
    })};
  }
}
const text = Buffer.from(JSON.stringify({values: told}) + '\n');
for (let written = 0; written < text.length;) {
  try {
    written += require('fs').writeSync(1, text, written, text.length - written);
  } catch (error) {
    if (error.code !== 'EAGAIN') throw error;
  }
}
process.abort();
