'use strict';
// What a program sees of its own values, in the words of `v8 inspect --json` (see tests/runtime/values.py).
const {types} = require('util');

const text = value => (Object.is(value, -0) ? '-0' : String(value));
const isIndex = key => typeof key === 'string' && String(key >>> 0) === key && key >>> 0 !== 4294967295;
const bufferSize = (Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength') || {}).get;
const sharedSize = (Object.getOwnPropertyDescriptor(SharedArrayBuffer.prototype, 'byteLength') || {}).get;
const ofRegExp = (part, value) => {
  if (part === 'source') return Object.getOwnPropertyDescriptor(RegExp.prototype, part).get.call(value);
  return [...'dgimsuvy'].filter((_, i) => {
    const flag = Object.getOwnPropertyDescriptor(RegExp.prototype, ['hasIndices', 'global', 'ignoreCase', 'multiline', 'dotAll', 'unicode', 'unicodeSets', 'sticky'][i]);
    return flag && flag.get.call(value);
  }).join('');
};
const describeKey = key => (typeof key === 'symbol' ? `Symbol(${key.description || ''})` : key);

function kindOf(value) {
  if (types.isProxy(value)) return 'proxy';
  if (Array.isArray(value)) return 'array';
  for (const [kind, test] of [
    ['map', types.isMap], ['set', types.isSet], ['weakmap', types.isWeakMap], ['weakset', types.isWeakSet], ['promise', types.isPromise],
    ['date', types.isDate], ['regexp', types.isRegExp], ['error', types.isNativeError], ['dataview', types.isDataView],
    ['typedarray', types.isTypedArray], ['sharedarraybuffer', types.isSharedArrayBuffer], ['arraybuffer', types.isArrayBuffer],
    ['arguments', types.isArgumentsObject], ['primitive-wrapper', types.isBoxedPrimitive], ['module-namespace', types.isModuleNamespaceObject],
    ['external', types.isExternal]]) {
    if (test(value)) return kind;
  }
  return 'object';
}

function describeProperty(owner, key, depth, above) {
  const property = Object.getOwnPropertyDescriptor(owner, key);
  if (!property.get && !property.set && 'value' in property) return describe(property.value, depth, above);
  const description = {kind: 'accessor'};
  for (const side of ['get', 'set']) if (property[side]) description[side] = nameOf(property[side]);
  return description;
}

function nameOf(callable) {
  const own = Object.getOwnPropertyDescriptor(callable, 'name');
  return own && typeof own.value === 'string' ? own.value : undefined;
}

const untyped = new WeakSet(); // objects whose prototype was changed

/// The name that its source gives it.
function ownNameOf(maker) {
  const name = nameOf(maker);
  return name && new RegExp(`(class|function) ${name.replace(/[^\w]/g, '.')}\\b`).test(Function.prototype.toString.call(maker)) ? name : undefined;
}

/// The type that V8 gives: the program can tell it only where nobody has played with prototypes.
function typeOf(value) {
  if (untyped.has(value)) return undefined;
  for (let owner = value; owner; owner = Object.getPrototypeOf(owner)) { // until 9.x one further up comes before a constructor
    if (types.isProxy(owner) || Object.getOwnPropertyDescriptor(owner, Symbol.toStringTag)) return undefined;
  }
  for (let owner = Object.getPrototypeOf(value); owner; owner = Object.getPrototypeOf(owner)) {
    const maker = Object.getOwnPropertyDescriptor(owner, 'constructor');
    if (maker) return typeof maker.value === 'function' && maker.value.prototype === owner ? ownNameOf(maker.value) : undefined;
  }
  return undefined;
}

/// Where elements are what a value holds: its own indexed properties are told by name.
const namesIndexes = kind => ['map', 'set', 'weakmap', 'weakset', 'arraybuffer', 'sharedarraybuffer', 'dataview'].includes(kind);

function elementsOf(value, kind, depth, above) {
  const list = [];
  let length;
  if (kind === 'typedarray') {
    length = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'length').get.call(value);
    for (let i = 0; i < length; i++) list.push([i, describe(value[i], 0, above)]);
  } else if (kind === 'arraybuffer' || kind === 'sharedarraybuffer') {
    length = (kind === 'arraybuffer' ? bufferSize : sharedSize).call(value);
    if (length) new Uint8Array(value).forEach((byte, i) => list.push([i, describe(byte, 0, above)]));
  } else if (kind === 'dataview') {
    try {
      length = value.byteLength;
    } catch (error) {
      length = 0; // detached, or its buffer has become too small
    }
    for (let i = 0; i < length; i++) list.push([i, describe(value.getUint8(i), 0, above)]);
  } else {
    if (kind === 'array') length = value.length;
    if (kind === 'primitive-wrapper' || namesIndexes(kind)) return {};
    for (const key of Object.getOwnPropertyNames(value)) {
      if (isIndex(key)) list.push([Number(key), describeProperty(value, key, depth, above)]);
    }
  }
  return Object.assign(length === undefined ? {} : {length}, list.length ? {elements: list} : {});
}

function describe(value, depth = 4, above = []) {
  switch (typeof value) {
    case 'undefined': return {kind: 'undefined'};
    case 'boolean': return {kind: 'boolean', value};
    case 'number': return {kind: 'number', value: text(value)};
    case 'bigint': return {kind: 'bigint', value: String(value)};
    case 'string': return {kind: 'string', value, length: value.length};
    case 'symbol': return {kind: 'symbol', value: value.description || ''};
  }
  if (value === null) return {kind: 'null'};
  if (types.isProxy(value)) return {kind: 'proxy'};
  if (typeof value === 'function') {
    const code = Function.prototype.toString.call(value);
    if (code === 'function () { [native code] }') return /^bound /.test(value.name) ? {kind: 'bound-function'} : {}; // perhaps bound and renamed
    return {kind: /^class\b/.test(code) ? 'class' : 'function', value: nameOf(value)};
  }
  const kind = kindOf(value);
  const description = {kind, type: kind === 'arguments' ? undefined : typeOf(value)};
  if (kind === 'date') {
    const time = Date.prototype.getTime.call(value);
    description.value = isNaN(time) ? 'Invalid Date' : new Date(time).toISOString();
  }
  if (kind === 'regexp') description.value = `/${ofRegExp('source', value)}/${ofRegExp('flags', value)}`;
  if (kind === 'external') return {kind};
  if (above.includes(value)) return Object.assign(description, {cycle: true});
  if (depth === 0) return description;
  above = above.concat([value]);
  Object.assign(description, elementsOf(value, kind, depth - 1, above));
  if (kind === 'map') {
    description.entries = [...Map.prototype.entries.call(value)].map(
      ([key, held]) => [describe(key, depth - 1, above), describe(held, depth - 1, above)]);
  }
  if (kind === 'set') {
    description.elements = [...Set.prototype.values.call(value)].map((held, i) => [i, describe(held, depth - 1, above)]);
  }
  const properties = Object.create(null), hidden = []; // any name, '__proto__' as well
  for (const key of Reflect.ownKeys(value)) {
    if ((isIndex(key) && !namesIndexes(kind)) || (key === 'length' && (kind === 'array' || types.isStringObject(value)))) continue;
    if (key === Symbol.iterator && kind === 'arguments') { // V8 computes it, until it is changed
      properties[describeKey(key)] = null;
      continue;
    }
    if (key === 'stack' && kind === 'error') continue;
    if (key === 'stack' && value instanceof Error) { // a DOMException: V8 computes it in some versions
      properties[key] = null;
      continue;
    }
    properties[describeKey(key)] = describeProperty(value, key, depth - 1, above);
    if (!Object.getOwnPropertyDescriptor(value, key).enumerable) hidden.push(describeKey(key));
  }
  if (Object.keys(properties).length) Object.assign(description, {properties, hidden});
  return description;
}

class Gallery {}
const gallery = new Gallery();
const told = {};
let skipped = 0;

/// `change` is laid over what the program sees.
function show(name, value, change) {
  if (name in told) throw new Error(`${name} is shown twice`);
  gallery[name] = value;
  told[name] = Object.assign(describe(value), change || {});
}

/// Only what its author knows.
function tell(name, value, description) {
  gallery[name] = value;
  told[name] = description;
}

/// For what this Node.js may lack.
function attempt(make) {
  try {
    make();
  } catch (error) {
    if (process.env.SHAPES_TELL) console.error(String(error), make.toString().slice(0, 100));
    skipped++;
  }
}

/// The value of code that not every Node.js can parse; undefined (and counted) when it cannot.
function evaluated(code, names = {}) {
  return new Function(...Object.keys(names), code)(...Object.values(names));
}

/// Variables of a closure: {name: value} of the innermost scope, then of those around it.
function closure(name, callable, ...scopes) {
  const internal = {};
  scopes.forEach((scope, i) => {
    const properties = Object.create(null);
    for (const key of Object.keys(scope)) properties[key] = scope[key] === closure.unset ? {kind: 'hole'} : describe(scope[key], 1);
    internal[i === 0 ? 'context' : `context ${i}`] = {properties};
  });
  tell(name, callable, {kind: 'function', internal});
}
closure.unset = {};

module.exports = {untyped, describe, kindOf, show, tell, attempt, evaluated, closure, gallery, told, skipped: () => skipped};
