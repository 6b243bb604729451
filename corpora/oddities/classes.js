'use strict';
// Private members in every place, classes with odd names, objects that pretend to be others.
const {describe, show, tell, attempt, evaluated} = require('./describe.js');

// Private methods are told as accessors and functions, as the debugger has them.
const method = value => ({kind: 'function', value});
attempt(() => {
  const {A, B, C, Outer, Empty, a, b, c} = evaluated(`
    class A {
      #field = 1;
      #first() { return 1; }
      get #both() { return 2; }
      set #both(v) {}
      get #read() { return 3; }
      set #write(v) {}
      async #later() {}
      *#each() {}
      static #hidden() { return 4; }
      static get #got() { return 5; }
      static #count = 6;
      use() { return [this.#first, this.#both, this.#read, this.#later, this.#each, A.#hidden, A.#got, A.#count, this.#field, this.#write = 1]; }
    }
    class B extends A { #first() { return 'of B'; } #own = 'b'; useB() { return [this.#first, this.#own]; } }
    class C extends class { constructor(o) { return o; } } { #stamped = 'on another'; #reached() {} check() { return [this.#stamped, this.#reached]; } }
    class Outer { static #of() { return 1; } static Inner = class Inner { static #in() { return 2; } peek() { return Inner.#in; } }; peek() { return Outer.#of; } }
    class Empty { static nothing() {} }
    return {A, B, C, Outer, Empty, a: new A(), b: new B(), c: [new C({plain: 1}), new C([1, 2]), new C(new Map([[1, 2]])), new C(Object.freeze({frozen: 1})), new C(new Proxy({}, {}))]};`);
  const ofA = {'#first': method('#first'), '#both': {kind: 'accessor', get: 'get #both', set: 'set #both'}, '#read': {kind: 'accessor', get: 'get #read'},
               '#write': {kind: 'accessor', set: 'set #write'}, '#later': method('#later'), '#each': method('#each'), '#field': describe(1)};
  tell('privateMethods', a, {kind: 'object', type: 'A', properties: ofA});
  tell('privateMethodsOfBoth', b, {kind: 'object', type: 'B', properties: Object.assign({}, ofA, {'#first': null, '#own': describe('b')})});
  const stamped = {'#stamped': describe('on another'), '#reached': method('#reached')};
  tell('privateOnPlain', c[0], {kind: 'object', properties: Object.assign({plain: describe(1)}, stamped)});
  tell('privateOnArray', c[1], {kind: 'array', properties: stamped});
  tell('privateOnMap', c[2], {kind: 'map', properties: stamped});
  attempt(() => tell('privateOnFrozen', c[3], {kind: 'object', properties: Object.assign({frozen: describe(1)}, stamped)}));
  tell('privateStatic', A, {kind: 'class', value: 'A', properties: {'#hidden': method('#hidden'), '#got': {kind: 'accessor', get: 'get #got'}, '#count': describe(6), length: null, name: null, prototype: null}});
  tell('privateStaticOuter', Outer, {kind: 'class', properties: {'#of': method('#of'), Inner: {kind: 'class'}}});
  tell('privateStaticInner', Outer.Inner, {kind: 'class', properties: {'#in': method('#in')}});
  tell('noPrivateStatic', Empty, {kind: 'class', properties: {nothing: method('nothing')}});
});

// Many fields, inside of the object and outside.
function Many(n) { for (let i = 0; i < n; i++) this[`f${i}`] = i % 7 ? i : i / 4; }
for (const n of [10, 250, 255, 300, 1019, 1020, 1021, 1200, 3000]) show(`fields${n}`, new Many(n));
const literal = evaluated(`return {${Array.from({length: 300}, (_, i) => `k${i}: ${i % 5 ? i : i + 0.5}`).join()}}`);
show('literal300', literal);
const bigClass = evaluated(`return new (class Big { constructor() { ${Array.from({length: 400}, (_, i) => `this.m${i} = ${i};`).join('')} } })()`);
show('class400', bigClass);

// Who says what it is called.
class Pretends { get [Symbol.toStringTag]() { return 'Map'; } }
show('pretends', new Pretends(), {type: undefined});
show('ownTag', {[Symbol.toStringTag]: 'Promise', x: 1}, {type: undefined});
show('ownConstructor', {constructor: class Fake {}, x: 1}, {type: undefined});
show('numberAsConstructor', Object.create({constructor: 5}, {x: {value: 1, enumerable: true}}), {type: undefined});
class Renamed { static name() {} }
show('nameIsMethod', new Renamed(), {type: undefined});
class Named2 {}
Object.defineProperty(Named2, 'name', {value: 'Other'});
show('nameIsOther', new Named2(), {type: undefined});
show('emptyClass', new (class {})(), {type: undefined});
const Map2 = {Map: class Map { constructor() { this.fake = true; } }}.Map;
show('classCalledMap', new Map2(), {kind: 'object'});
for (const name of ['Module', 'Instance', 'Memory', 'Table', 'Global', 'Arguments', 'WeakSet', 'SharedArrayBuffer', 'Proxy', 'Generator', 'Promise', 'Array', 'String', 'Uint8Array', 'Date', 'MapIterator']) {
  const Fake = {[name]: class { constructor() { this.fake = name; } }}[name];
  show(`classCalled${name}`, new Fake(), {kind: 'object', type: undefined});
}
class WeakSetLike extends WeakMap {} Object.defineProperty(WeakSetLike, 'name', {value: 'WeakSet'});
tell('weakMapCalledWeakSet', new WeakSetLike(), {kind: 'weakmap'});
class MyIterator extends Map {}
show('mapCalledIterator', new MyIterator([[1, 2]]), {type: undefined});
show('subclassOfSubclass', new (class extends (class Base2 extends Array {}) {})(3), {type: undefined});
show('functionInstance', Object.create((function Weird() {}).prototype), {type: undefined});
show('reflected', Reflect.construct(Object, [], class Reflected {}), {type: undefined});
show('reflectedDate', Reflect.construct(Date, [0], class ReflectedDate {}), {type: undefined});
show('nullConstructor', (() => { const o = Object.create({constructor: null}); o.x = 1; return o; })(), {type: undefined});
const accessorOfPrototype = new (class { get computed() { return 1; } set computed(v) {} static get s() { return 1; } })();
accessorOfPrototype.own = 1;
show('accessorOfPrototype', accessorOfPrototype, {type: undefined});
const shadow = Object.create({x: 1, y: 2});
Object.defineProperty(shadow, 'x', {value: 'own', enumerable: false, writable: false, configurable: false});
show('shadowing', shadow, {type: undefined});

// Indexed properties of everything.
const indexed = {
  map: new Map([[0, 'entry'], ['k', 1]]), set: new Set(['member', 5]), weakmap: new WeakMap(), weakset: new WeakSet(), arraybuffer: new ArrayBuffer(3), shared: new SharedArrayBuffer(2), data: new DataView(new ArrayBuffer(3)),
  date: new Date(5), regexp: /x/, error: new Error('x'), promise: Promise.resolve(1), boxed: Object(5), func: function f() {}, arrow: () => 1, plain: {},
};
for (const [name, value] of Object.entries(indexed)) {
  value[0] = 'indexed';
  value[7] = {deep: name};
  value.named = name;
  if (typeof value === 'function') tell(`indexed_${name}`, value, {kind: 'function', elements: [[0, describe('indexed')], [7, describe({deep: name}, 2)]]});
  else show(`indexed_${name}`, value);
}
const sparseMap = new Map([['a', 1]]);
sparseMap[4000000000] = 'far';
Object.defineProperty(sparseMap, 3, {value: 'hidden', enumerable: false});
Object.defineProperty(sparseMap, 4, {get: function four() { return 4; }, enumerable: true});
show('sparseMap', sparseMap);
const frozenSet = Object.freeze(Object.assign(new Set([1]), {2: 'two', x: 1}));
show('frozenSet', frozenSet);
const boxedIndexed = Object('ab');
boxedIndexed[9] = 'nine';
tell('boxedTextIndexed', boxedIndexed, {kind: 'primitive-wrapper', internal: {value: describe('ab')}, elements: [[9, describe('nine')]]});
