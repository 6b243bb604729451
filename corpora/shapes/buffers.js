'use strict';
// Buffers: detached, resizable, tracked, shared, pooled.
const {MessageChannel} = require('worker_threads');
const {describe, show, tell, attempt, evaluated} = require('./describe.js');

const detached = new ArrayBuffer(16), viewOfDetached = new Uint8Array(detached, 4, 8), dataOfDetached = new DataView(detached, 2);
const {port1, port2} = new MessageChannel();
port1.postMessage(null, [detached]);
port1.close();
show('detachedBuffer', detached);
show('detachedView', viewOfDetached);
show('detachedData', dataOfDetached);
port2.unref();
attempt(() => {
  const moved = new ArrayBuffer(8);
  new Uint8Array(moved).set([5, 6]);
  show('transferred', moved.transfer(4));
  show('transferredFrom', moved);
});
attempt(() => {
  const resizable = evaluated('return new ArrayBuffer(8, {maxByteLength: 64})');
  if (!resizable.resizable) return;
  const tracking = new Uint16Array(resizable, 2), fixed = new Uint8Array(resizable, 4, 4), data = new DataView(resizable, 1);
  new Uint8Array(resizable).set([1, 2, 3, 4, 5, 6, 7, 8]);
  resizable.resize(13);
  show('resizable', resizable);
  show('tracking', tracking);
  show('trackingAll', new Uint8Array(resizable));
  show('fixedOfResizable', fixed);
  show('trackingData', data);
  const shrunk = evaluated('return new ArrayBuffer(32, {maxByteLength: 64})');
  const outside = new Uint8Array(shrunk, 8, 16), outsideTracking = new Float64Array(shrunk, 24), outsideData = new DataView(shrunk, 30), inside = new Uint8Array(shrunk, 0, 2);
  shrunk.resize(10);
  show('shrunk', shrunk);
  show('outOfBounds', outside);
  show('outOfBoundsTracking', outsideTracking);
  show('outOfBoundsData', outsideData);
  show('stillInside', inside);
});
attempt(() => {
  new Uint8Array(evaluated('return new ArrayBuffer(20, {maxByteLength: 64})'), 20, 0);
});
attempt(() => {
  const growable = evaluated('return new SharedArrayBuffer(4, {maxByteLength: 32})');
  if (!growable.growable) return;
  const tracking = new Int32Array(growable), data = new DataView(growable, 1);
  new Uint8Array(growable).set([9, 8, 7, 6]);
  growable.grow(12);
  new Uint8Array(growable)[11] = 1;
  show('growable', growable);
  show('growableTracking', tracking);
  show('growableData', data);
  show('growableFixed', new Uint8Array(growable, 2, 4));
});
attempt(() => show('float16', Float16Array.from([0, -0, 1.5, 65504, 65520, 6e-8, NaN, -Infinity, 0.1]))); // eslint-disable-line no-undef
show('sharedView', new Int16Array(new SharedArrayBuffer(6), 2));
const pooled = Buffer.from('pooled text'), other = Buffer.from('another');
show('pooled', pooled);
show('pooledSlice', pooled.slice(2, 6));
show('subarray', other.subarray(1, 3));
show('allocUnsafeSlow', (() => { const b = Buffer.allocUnsafeSlow(5); b.fill('z'); return b; })());
show('emptyView', new Uint8Array(new ArrayBuffer(8), 8));
show('emptyTyped', new Float32Array(0));
show('onHeap', new Uint8Array([255, 0, 128]));
show('onHeapBuffer', (() => { const t = new Uint8Array([4, 5]); t.buffer; return t; })());
show('offHeap', new Uint8Array(200).map((_, i) => i));
show('floats', Float32Array.from([0.1, -0, NaN, Infinity, 1e-45, 3.4e38]));
show('float64s', Float64Array.from([0.1, -0, NaN, -Infinity, 5e-324]));
show('bigs', BigInt64Array.from([-(2n ** 63n), 2n ** 63n - 1n, 0n]));
show('bigus', BigUint64Array.from([2n ** 64n - 1n, 1n]));
show('clamped', Uint8ClampedArray.from([-5, 300, 1.5, NaN]));
const lost = Uint16Array.from([1, 2, 65535]);
Object.setPrototypeOf(lost, null);
show('typedWithoutPrototype', lost, {type: undefined});
const disguised = Float64Array.from([1.5, 2]);
Object.setPrototypeOf(disguised, Uint8Array.prototype);
show('typedDisguised', disguised, {type: undefined});
const withMore = new Uint8Array([1]);
withMore.name = 'x';
withMore[-1] = 'ignored';
withMore.constructor = 'own';
show('typedWithProperties', withMore, {type: undefined});
const bufferWithMore = new ArrayBuffer(2);
bufferWithMore.tag = {x: 1};
show('bufferWithProperties', bufferWithMore);
show('dataViewEnd', new DataView(new ArrayBuffer(4), 4));
class Sub extends Float32Array {} class SubSub extends Sub {}
show('subSub', SubSub.from([1.5, -2]), {type: undefined});
attempt(() => {
  const memory = new WebAssembly.Memory({initial: 1, maximum: 3});
  const before = memory.buffer;
  new Uint8Array(before)[0] = 1;
  memory.grow(1);
  tell('memoryBefore', before, {kind: 'arraybuffer', length: 0});
  tell('memoryAfter', memory.buffer, {kind: 'arraybuffer', length: 131072});
});
