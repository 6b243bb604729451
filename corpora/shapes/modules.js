'use strict';
// Namespaces of modules, and WebAssembly.
const {describe, kindOf, show, tell, attempt} = require('./describe.js');

function namespace(name, value, known = {}) {
  const properties = {};
  for (const key of Reflect.ownKeys(value)) {
    const called = typeof key === 'symbol' ? `Symbol(${key.description})` : key;
    let held;
    try {
      held = value[key];
    } catch (error) {
      properties[called] = {kind: 'hole'}; // not yet initialised
      continue;
    }
    properties[called] = require('util').types.isModuleNamespaceObject(held) ? {kind: 'module-namespace'} : describe(held, 2);
  }
  tell(name, value, Object.assign({kind: 'module-namespace', properties}, known));
}

const u32 = n => { const out = []; do { out.push((n & 127) | (n > 127 ? 128 : 0)); n >>>= 7; } while (n); return out; };
const section = (id, bytes) => [id, ...u32(bytes.length), ...bytes];
const string = s => [...u32(s.length), ...Buffer.from(s)];
function wasm() {
  if (typeof WebAssembly !== 'object') return;
  const code = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 0, 1, 0x7f]),
    ...section(2, [1, ...string('env'), ...string('given'), 3, 0x7f, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 1, 1, 4]),
    ...section(6, [4, 0x7f, 1, 0x41, ...[0x7b], 0x0b, 0x7e, 1, 0x42, 0x7f, 0x0b, 0x7d, 0, 0x43, 0, 0, 0xc0, 0x3f, 0x0b, 0x7c, 1, 0x44, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f, 0x0b]),
    ...section(7, [6, ...string('run'), 0, 0, ...string('mem'), 2, 0, ...string('i'), 3, 1, ...string('l'), 3, 2, ...string('f'), 3, 3, ...string('d'), 3, 4]),
    ...section(10, [1, 4, 0, 0x41, 7, 0x0b]),
  ]);
  const module = new WebAssembly.Module(code);
  const imported = new WebAssembly.Global({value: 'i32'}, 77);
  const instance = new WebAssembly.Instance(module, {env: {given: imported}});
  const second = new WebAssembly.Instance(module, {env: {given: 78}});
  const {run, mem, i, l, f, d} = instance.exports;
  run();
  attempt(() => { l.value = -(2n ** 62n); });
  i.value = 123456;
  const kind = 'webassembly';
  tell('wasmImported', imported, {kind, internal: {value: describe(77)}});
  tell('wasmI', i, {kind, internal: {value: describe(123456)}});
  attempt(() => tell('wasmL', l, {kind, internal: {value: describe(l.value)}}));
  tell('wasmF', f, {kind, internal: {value: describe(1.5)}});
  tell('wasmD', d, {kind, internal: {value: describe(NaN)}});
  tell('wasmSecond', second, {kind});
  tell('wasmRun', run, {kind: 'function', value: '0'});
  mem.grow(1);
  new Uint8Array(mem.buffer)[65536] = 5;
  tell('wasmMem', mem, {kind, internal: {buffer: {kind: 'arraybuffer', length: 131072}}});
  const table = new WebAssembly.Table({element: 'anyfunc', initial: 3, maximum: 10});
  table.set(2, run);
  table.grow(2);
  tell('wasmTable', table, {kind, length: 5});
  attempt(() => {
    const refs = new WebAssembly.Table({element: 'externref', initial: 2}, {an: 'object'});
    tell('wasmRefs', refs, {kind, length: 2, elements: [[0, describe({an: 'object'}, 2)], [1, describe({an: 'object'}, 2)]]});
  });
  attempt(() => {
    const ref = new WebAssembly.Global({value: 'externref', mutable: true}, {held: 1});
    tell('wasmRefGlobal', ref, {kind, internal: {value: describe({held: 1}, 2)}});
  });
  attempt(() => {
    const tag = new WebAssembly.Tag({parameters: ['i32']});
    tell('wasmTag', tag, {kind});
    tell('wasmException', new WebAssembly.Exception(tag, [5]), {type: 'Exception'});
  });
  attempt(() => tell('wasmError', new WebAssembly.RuntimeError('trap'), {kind: 'error'}));
  attempt(() => {
    const big = new WebAssembly.Memory({initial: 2, maximum: 5, shared: true});
    big.buffer;
    tell('wasmSharedMemory', big, {kind, internal: {buffer: {kind: kindOf(big.buffer), length: 131072}}});
  });
}

async function modules() {
  wasm();
  const quietly = promise => promise.catch(error => { if (process.env.SHAPES_TELL) console.error(String(error)); });
  const importing = name => new Function('name', 'return import(name)')(name);
  await quietly((async () => namespace('cyclicModule', await import('./cycle_a.mjs')))());
  await quietly((async () => {
    const held = await import('./json_import.mjs');
    namespace('jsonModule', held);
    namespace('jsonNamespace', held.all);
  })());
  await quietly((async () => namespace('builtinModule', await import('path')))());
  await quietly((async () => namespace('commonJs', await import('./small.js')))());
  quietly(import('./top.mjs'));
  await quietly((async () => {
    const vm = require('vm');
    if (!vm.SourceTextModule) return;
  })());
  void importing;
}
module.exports = {modules};
