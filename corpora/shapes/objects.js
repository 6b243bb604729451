'use strict';
// Objects: hidden classes in every state, dictionaries, attributes, prototypes, classes.
const vm = require('vm');
const {describe, show, tell, attempt, evaluated} = require('./describe.js');

// Objects with very many properties, by different ways into dictionaries.
const named = {};
for (let i = 0; i < 1030; i++) named[`property${i}`] = i;
show('thousand', named);
const justFast = {};
for (let i = 0; i < 128; i++) justFast['f' + i] = i % 3 ? i : i / 4;
show('justFast', justFast);
const deleted = {a: 1, b: 2, c: 3};
delete deleted.a;
show('deletedFirst', deleted);
const deletedLast = {a: 1, b: 2, c: 3};
delete deletedLast.c;
show('deletedLast', deletedLast);
const readded = {a: 1, b: 2, c: 3};
delete readded.a;
readded.a = 'again';
show('readded', readded);
const emptied = {a: 1};
delete emptied.a;
show('emptied', emptied);
show('dictionaryNull', Object.assign(Object.create(null), {x: 1, [Symbol('in a dictionary')]: 2, y: {z: 3}}));
const dictionaryAccessors = Object.create(null);
Object.defineProperty(dictionaryAccessors, 'computed', {get: function reads() { return 1; }, enumerable: true, configurable: true});
Object.defineProperty(dictionaryAccessors, 'hidden', {value: 'h', enumerable: false});
dictionaryAccessors.plain = 0.5;
show('dictionaryAccessors', dictionaryAccessors);
const literalProto = {__proto__: {inherited: 1}, own: 2};
show('literalProto', literalProto);
show('ownProto', {['__proto__']: 'a property', constructor: 'not a function', toString: 1}, {type: undefined});
show('names', {'': 'empty', ' ': 'blank', '\u0000': 'nul', '\n': 'newline', '"': 'quote', "'": 'single', 'a.b': 'dot', 'a[0]': 'bracket', '-1': 'minus',
               '01': 'zero', '1.5': 'fraction', '4294967295': 'no index', '4294967294': 'the last index', '\u{1f600}': 'face', '\u00e9': 'latin',
               '\u65e5\u672c': 'wide', 'length': 7, 'Symbol(x)': 'no symbol', [Symbol('x')]: 'symbol'}, {properties: undefined});
show('namesDeep', {'-0': 1, 'Infinity': 2, 'NaN': 3, '1e3': 4, '9007199254740993': 5, '\t\u001b[31m': 6, '\ud83d': 7},
     {properties: undefined});
show('symbolKeys', {[Symbol.iterator]: 1, [Symbol.for('registered')]: 2, [Symbol()]: 3, [Symbol.asyncIterator]: 4}, {type: undefined});
const sameKeys = {};
sameKeys[Symbol('same')] = 1;
sameKeys.same = 2;
show('sameDescription', sameKeys);

// In the middle of slack tracking and of transitions.
function Young(a) { this.a = a; this.b = 0.5; }
show('youngest', new Young(1));
for (let i = 0; i < 3; i++) new Young(i);
show('young', Object.assign(new Young(2), {late: 'added'}));
for (let i = 0; i < 20; i++) new Young(i);
show('grown', new Young(3));
const outgrown = new Young(4);
for (let i = 0; i < 12; i++) outgrown[`more${i}`] = i + 0.25;
show('outgrown', outgrown);
class Generalised { constructor(x) { this.x = x; this.y = x; } }
const wasSmi = new Generalised(1), wasDouble = new Generalised(1.5), isText = new Generalised('text');
show('wasSmi', wasSmi);
show('wasDouble', wasDouble);
show('isText', isText);
show('isNull', new Generalised(null));
show('isUndefined', new Generalised(undefined));
class Mutable { constructor() { this.d = 0.5; this.e = -0; this.n = NaN; this.i = -Infinity; } }
const mutable = new Mutable();
for (let i = 0; i < 100; i++) mutable.d += i / 3;
show('mutableDoubles', mutable);
const deprecated = [1, 2.5, 'x'].map(v => { const o = {}; o.dep = v; o.second = v; return o; });
show('deprecatedMaps', deprecated);
const constants = {m() {}, n: () => 1, k: class Inner {}};
show('constantFunctions', constants);
const reassigned = {c: 1, f() {}};
reassigned.c = 2;
reassigned.f = function other() {};
show('reassigned', reassigned);
const smiLimits = {};
[2147483647, 2147483648, -2147483648, -2147483649, 4294967295, 4294967296, 1073741823, 1073741824, -1073741824, -1073741825,
 Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, Number.MAX_VALUE, Number.MIN_VALUE, Number.EPSILON, 1e21, 1e-6, 1e-7, 123e-20, 1.7976931348623157e308,
 2.2250738585072014e-308, 0.1, 1 / 3, 100, 1e20, 123456789012345680000, 4.35, 0.000001].forEach((n, i) => { smiLimits[`n${i}`] = n; });
show('numberLimits', smiLimits);
show('bigLimits', [2n ** 63n, 2n ** 64n, -(2n ** 63n), -(2n ** 64n), 2n ** 1024n - 1n, BigInt(Number.MAX_SAFE_INTEGER), -(10n ** 300n), 1n << 6399n]);

// Frozen, sealed, not extensible.
show('frozenFast', Object.freeze({a: 1, b: 0.5, c: 'x', [Symbol('s')]: 1}));
show('sealedFast', Object.seal({a: 1, get b() { return 1; }}));
show('closed', Object.preventExtensions({a: 1}));
const frozenDictionary = Object.create(null);
for (let i = 0; i < 50; i++) frozenDictionary['k' + i] = i;
show('frozenDictionary', Object.freeze(frozenDictionary));
show('frozenAccessors', Object.freeze({get a() { return 1; }, set a(v) {}, b: 1}));
const readOnly = {};
Object.defineProperty(readOnly, 'fixed', {value: 'r', writable: false, enumerable: true});
Object.defineProperty(readOnly, 'setter', {set: function writes(v) {}, enumerable: true});
show('readOnly', readOnly);
const redefined = {x: 1};
Object.defineProperty(redefined, 'x', {get() { return 2; }});
show('redefined', redefined);
const wasAccessor = {get x() { return 1; }};
Object.defineProperty(wasAccessor, 'x', {value: 'now data'});
show('wasAccessor', wasAccessor);
const boundGetter = {};
Object.defineProperty(boundGetter, 'g', {get: function getIt() { return 1; }.bind(null), enumerable: true});
show('boundGetter', boundGetter, {properties: {g: {kind: 'accessor'}}});

// Indexed properties of plain objects.
show('elementsAndMore', {3: 'three', 1: 'one', 100000: 'far', a: 1});
const indexedAccessor = {};
Object.defineProperty(indexedAccessor, 5, {get: function five() { return 5; }, enumerable: true});
Object.defineProperty(indexedAccessor, 7, {value: 7, enumerable: false});
show('indexedAccessor', indexedAccessor);
show('frozenIndexed', Object.freeze({0: 'a', 2: 'c', x: 1}));
show('doubleIndexed', {0: 0.5, 1: 1.5, 4: NaN});
const negativeIndex = {'-1': 'minus one', 0: 'zero'};
show('negativeIndex', negativeIndex);

// Prototypes.
show('protoOfInstance', Object.create({get inherited() { return 1; }}, {own: {value: 1, enumerable: true}}), {type: undefined});
let chain = {end: true};
for (let i = 0; i < 50; i++) chain = Object.create(chain);
show('longPrototypeChain', Object.assign(chain, {own: 1}));
class NullBase extends null { constructor() { return Object.create(new.target.prototype); } } // eslint-disable-line constructor-super
show('extendsNull', Object.assign(new NullBase(), {x: 1}), {type: undefined});
show('prototypeObject', class Proto { method() {} get it() { return 1; } static st() {} }.prototype, {type: undefined});
const setLater = {x: 1};
Object.setPrototypeOf(setLater, {y: 2});
show('setPrototypeLater', setLater);
const usedAsPrototype = {shared: 1, method() {}};
for (let i = 0; i < 5; i++) Object.create(usedAsPrototype).shared;
show('usedAsPrototype', usedAsPrototype);

// Classes that extend builtins.
class MyMap extends Map { constructor(entries) { super(entries); this.label = 'map'; } }
class MySet extends Set {}
class MyArray extends Array { get first() { return this[0]; } }
class MyError extends Error { constructor(m) { super(m); this.name = 'MyError'; this.code = 17; } }
class MyPromise extends Promise {}
class MyDate extends Date {}
class MyRegExp extends RegExp {}
class MyBuffer extends Uint8Array {}
class MyFunction extends Function {}
class MyNumber extends Number {}
class MyString extends String {}
class MyDataView extends DataView {}
class MyArrayBuffer extends ArrayBuffer {}
class MyWeakMap extends WeakMap {}
const loose = {type: undefined}; // V8's own rule changed with 10.0
show('myMap', new MyMap([[1, {a: 1}], ['k', [1, 2]]]), loose);
show('mySet', Object.assign(new MySet([3, 4, 'x']), {extra: 1}), loose);
show('myArray', MyArray.from([1, 2, 3]), loose);
show('myArrayHoley', Object.assign(new MyArray(5), {p: 1}), loose);
show('myError', new MyError('mine'), loose);
show('myPromise', MyPromise.resolve([1]), {type: undefined, value: 'fulfilled', internal: {result: describe([1], 3)}});
show('myDate', new MyDate(86400000 * 365.25 * 30), loose);
show('myRegExp', new MyRegExp('a+', 'g'), loose);
show('myBytes', Object.assign(new MyBuffer([1, 2, 3]), {tag: 'own'}), loose);
tell('myFunction', new MyFunction('a', 'return a'), {kind: 'function', value: 'anonymous'});
show('myNumber', new MyNumber(7.5), {type: undefined, internal: {value: describe(7.5)}});
show('myString', new MyString('abc'), {type: undefined, internal: {value: describe('abc')}});
show('myDataView', new MyDataView(new ArrayBuffer(3)), loose);
show('myArrayBuffer', new MyArrayBuffer(4), loose);
show('myWeakMap', new MyWeakMap(), loose);
class Deep1 extends MyMap {} class Deep2 extends Deep1 { constructor() { super([[1, 2]]); this.deep = true; } }
show('deepMap', new Deep2(), loose);

// Boxes.
for (const [name, value] of Object.entries({boxTrue: true, boxZero: -0, boxText: 'tw\u00f6', boxSymbol: Symbol('boxed'), boxBig: 12345678901234567890n})) {
  show(name, Object(value), {internal: {value: describe(value)}});
}
const boxedWithMore = Object('ab');
boxedWithMore.extra = 1;
boxedWithMore[5] = 'five';
tell('boxedWithMore', boxedWithMore, {kind: 'primitive-wrapper', internal: {value: describe('ab')}});

// Other contexts: their constructors and prototypes are others.
const context = vm.createContext({host: {from: 'here'}});
show('foreign', vm.runInContext(`({a: 1, list: [1, 2, {x: 1}], map: new Map([['k', 1]]), set: new Set([1]), date: new Date(0), re: /x/y,
  err: new RangeError('there'), bytes: new Uint8Array([1, 2]), host, und: undefined, nul: null, big: 5n, f: function far() {}, p: Promise.resolve(1)})`, context));
tell('foreignGlobal', context, {kind: 'object'});
show('foreignClass', vm.runInNewContext('class There { constructor() { this.here = false; } }; new There()'));

// Classes with everything.
attempt(() => show('classFields', evaluated(`
  class Fields { a = 1; 'quoted name' = 2; 3 = 'three'; [Symbol.for('f')] = 4; b; static s = 5; arrow = () => this; }
  return new Fields();`)));
attempt(() => tell('privates', evaluated(`
  class Privates {
    #x = 1; #y = 'two'; #obj = {inner: true}; x = 'public x';
    get() { return this.#x + this.#y + this.#obj; }
  }
  return new Privates();`), {kind: 'object', type: 'Privates', properties: {
    '#x': describe(1), '#y': describe('two'), '#obj': describe({inner: true}, 3), x: describe('public x')}}));
attempt(() => tell('privateMethods', evaluated(`
  class Methods {
    #field = 1;
    #method() { return 1; }
    get #accessor() { return 2; }
    set #accessor(v) {}
    static #hidden() { return 3; }
    open() { return this.#method() + this.#accessor + Methods.#hidden() + this.#field; }
  }
  return new Methods();`), {kind: 'object', type: 'Methods'}));
attempt(() => tell('privateInherited', evaluated(`
  class A { #x = 'of A'; a() { return this.#x; } }
  class B extends A { #x = 'of B'; b() { return this.#x; } }
  return new B();`), {kind: 'object', type: 'B'}));
attempt(() => tell('staticBlock', evaluated(`
  return class WithBlock { static #count = 3; static shown = 'yes'; static { this.fromBlock = this.#count; } };`),
    {kind: 'class', value: 'WithBlock'}));
attempt(() => tell('ownNameClass', evaluated('return class { static name = "chosen"; }'), {kind: 'class', value: 'chosen'}));
attempt(() => tell('ownNameFunction', evaluated('return class { static name() { } }'), {kind: 'class'}));
attempt(() => show('autoAccessorLike', evaluated('return new (class { static a = 1; get x() { return 1; } set x(v) {} own = 1; })()'), {type: undefined}));
tell('anonymousClass', (() => class {})(), {kind: 'class', value: ''});
const computedName = 'com puted';
tell('computedMethod', {[computedName]() {}}[computedName], {kind: 'function', value: 'com puted'});
tell('symbolMethod', {[Symbol('sym')]() {}}[Object.getOwnPropertySymbols({[Symbol('sym')]() {}})[0]] || 0, {kind: 'number'});
tell('getterFunction', Object.getOwnPropertyDescriptor({get prop() { return 1; }}, 'prop').get, {kind: 'function', value: 'get prop'});
const withProperties = function withProperties() {};
withProperties.state = {count: 3};
withProperties[Symbol('s')] = 1;
tell('functionProperties', withProperties, {kind: 'function', value: 'withProperties'});
function sloppyArguments() { return arguments; }
show('noArguments', sloppyArguments());
const changedArguments = sloppyArguments(1, 2, 3);
delete changedArguments[1];
changedArguments[5] = 'five';
changedArguments.length = 7;
changedArguments.extra = 'x';
show('changedArguments', changedArguments, {properties: undefined});
const mapped = new Function('a', 'b', 'c', 'a = "changed"; c = "beyond"; arguments[1] = "through"; delete arguments[2]; return [arguments, () => a + b + c];')(1, 2, 3);
tell('mappedArguments', mapped[0], {kind: 'arguments', elements: [[0, describe('changed')], [1, describe('through')]]});
const frozenArguments = Object.freeze(new Function('a', 'return arguments')(1, 2));
tell('frozenArguments', frozenArguments, {kind: 'arguments', elements: [[0, describe(1)], [1, describe(2)]]});
const duplicate = new Function('a', 'a', 'a = 9; return [arguments, () => a]')(1, 2, 3);
tell('duplicateParameters', duplicate[0], {kind: 'arguments', elements: [[0, describe(1)], [1, describe(9)], [2, describe(3)]]});
module.exports = {mapped, duplicate};
