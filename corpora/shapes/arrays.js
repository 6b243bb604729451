'use strict';
// Arrays of every elements kind with holes in every place, and collections in every state.
const {describe, show, tell, attempt, evaluated} = require('./describe.js');

show('holesOnly', new Array(5));
show('holeFirst', [, 1]); // eslint-disable-line no-sparse-arrays
show('holeLast', [1, ,]); // eslint-disable-line no-sparse-arrays
show('objectsWithHoles', [{a: 1}, , 'x', undefined, null]); // eslint-disable-line no-sparse-arrays
show('doublesWithHoles', [, 0.5, , NaN, -0, , ]); // eslint-disable-line no-sparse-arrays
const grown = [];
for (let i = 0; i < 40; i++) grown.push(i);
show('pushed', grown);
const shifted = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18];
for (let i = 0; i < 5; i++) shifted.shift();
show('shifted', shifted);
const shiftedDoubles = Array.from({length: 40}, (_, i) => i + 0.5);
shiftedDoubles.shift();
shiftedDoubles.pop();
show('shiftedDoubles', shiftedDoubles);
const spliced = Array.from({length: 30}, (_, i) => `s${i}`);
spliced.splice(3, 20, 'new', {in: 1});
show('spliced', spliced);
const shortened = [1, 2, 3, 4, 5];
shortened.length = 2;
show('shortened', shortened);
const lengthened = [1, 2];
lengthened.length = 10;
show('lengthened', lengthened);
const smiThenDouble = [1, 2, 3];
smiThenDouble.push(0.5);
show('smiThenDouble', smiThenDouble);
const doubleThenObject = [0.5, 1];
doubleThenObject.push('now objects');
show('doubleThenObject', doubleThenObject);
const undefinedDouble = [0.5, 1.5, 2.5];
undefinedDouble[1] = undefined;
show('undefinedDouble', undefinedDouble);
const preallocated = new Array(100);
preallocated[50] = 'middle';
show('preallocated', preallocated);
const huge = [];
huge[4294967294] = 'the last';
huge[0] = 'first';
huge[1e6] = {far: true};
show('hugeIndex', huge);
const notIndex = [1];
notIndex[4294967295] = 'a name';
notIndex['01'] = 'also';
notIndex[-1] = 'minus';
notIndex[1.5] = 'fraction';
show('notIndexes', notIndex);
const dictionaryArray = [];
for (let i = 0; i < 20; i++) dictionaryArray[i * 10000] = i;
show('dictionaryArray', dictionaryArray);
const withAccessor = [1, 2, 3];
Object.defineProperty(withAccessor, 1, {get: function second() { return 2; }, enumerable: true, configurable: true});
show('arrayWithAccessor', withAccessor);
const hiddenElement = [1, 2];
Object.defineProperty(hiddenElement, 0, {enumerable: false});
show('hiddenElement', hiddenElement);
for (const [name, change] of Object.entries({frozen: Object.freeze, sealed: Object.seal, closed: Object.preventExtensions})) {
  show(`${name}Smis`, change([1, 2, 3]));
  show(`${name}Doubles`, change([0.5, 1.5]));
  show(`${name}Objects`, change(['a', {b: 1}]));
  show(`${name}Holes`, change(['a', , 'c'])); // eslint-disable-line no-sparse-arrays
  show(`${name}Empty`, change([]));
  show(`${name}Sparse`, change(Object.assign([], {100000: 'x', 3: 'y'})));
  show(`${name}Named`, change(Object.assign([1], {extra: 'e'})));
}
const fixedLength = [1, 2];
Object.defineProperty(fixedLength, 'length', {writable: false});
show('fixedLength', fixedLength);
show('literal', [[1], [[2]], [[[3]]], [{a: [{b: 1}]}]]);
show('copyOnWrite', (() => [10, 20, 30])());
show('matches', /(?<year>\d+)-(\w+)?/.exec('in 2024- now'));
show('rawStrings', ((strings) => strings)`a${1}\u0041b`);
const cycle = [];
cycle.push(cycle, [cycle]);
show('arrayCycle', cycle);
const noPrototype = [1, 2];
Object.setPrototypeOf(noPrototype, null);
show('arrayWithoutPrototype', noPrototype, {type: undefined});
const objectPrototype = [1, 2];
Object.setPrototypeOf(objectPrototype, Object.prototype);
show('arrayOfObjectPrototype', objectPrototype, {type: undefined});

// Maps and Sets: transitions of their tables, iterators in the middle of them.
const deletedMap = new Map();
for (let i = 0; i < 100; i++) deletedMap.set(i, `v${i}`);
for (let i = 0; i < 100; i += 3) deletedMap.delete(i);
show('mapWithDeleted', deletedMap);
const cleared = new Map([[1, 2]]);
cleared.clear();
show('mapCleared', cleared);
const reused = new Map([['a', 1]]);
reused.clear();
reused.set('b', 2);
show('mapReused', reused);
const order = new Map([['a', 1], ['b', 2], ['c', 3]]);
order.delete('a');
order.set('a', 'last');
order.set('b', 'changed');
show('mapOrder', order);
show('mapKeys', new Map([[undefined, 'undefined'], [null, 'null'], [NaN, 'NaN'], [-0, 'zero'], ['', 'empty'], [1n, 'big'], [Symbol('s'), 'symbol'], [{}, 'object'],
                         [[], 'array'], [0.5, 'half'], ['0', 'text'], [true, 'yes'], [() => 1, 'function'], [new Map([[1, new Map()]]), new Set([new Set([1])])]]));
const selfMap = new Map();
selfMap.set('self', selfMap).set(selfMap, 'key');
show('selfMap', selfMap);
const bigSet = new Set();
for (let i = 0; i < 300; i++) bigSet.add(i % 2 ? i : `t${i}`);
show('bigSet', bigSet);
const iterating = new Map([['a', 1], ['b', 2], ['c', 3]]);
const iterator = iterating.entries();
iterator.next();
iterating.delete('a');
for (let i = 0; i < 30; i++) iterating.set(i, i);
tell('mapIterator', iterator, {kind: 'iterator'});
show('iteratedMap', iterating);
const setIterator = new Set([1, 2]).values();
tell('setIterator', setIterator, {kind: 'iterator'});
const usedUp = [1][Symbol.iterator]();
usedUp.next();
usedUp.next();
tell('usedUpIterator', usedUp, {kind: 'iterator'});
tell('stringIterator', 'abc'[Symbol.iterator](), {kind: 'iterator', internal: {iterated: describe('abc')}});
tell('arrayIterator', [1, 2].entries(), {kind: 'iterator', internal: {iterated: describe([1, 2], 3)}});
tell('matchAll', 'aXbX'.matchAll ? 'aXbX'.matchAll(/X/g) : {}, {kind: 'object'});
attempt(() => show('setMethods', new Set([1, 2, 3]).union(new Set([4])).difference(new Set([1]))));
attempt(() => show('grouped', Object.groupBy([1, 2, 3], x => (x % 2 ? 'odd' : 'even'))));
attempt(() => show('mapGrouped', Map.groupBy([1, 2, 3], x => x % 2)));
attempt(() => show('sorted', [3, 1, 2].toSorted()));
attempt(() => show('with', [3, 1, 2].with(1, 0.5)));
attempt(() => tell('iteratorHelper', [1, 2, 3].values().map(x => x * 2).filter(x => x), {kind: 'object'}));
attempt(() => show('fromIterator', Iterator.from([1, 2]).toArray())); // eslint-disable-line no-undef
const key1 = {k: 1}, key2 = [2];
tell('weakMapMany', new WeakMap([[key1, 'one'], [key2, {two: 2}]]), {kind: 'weakmap', length: 2});
attempt(() => {
  const symbol = Symbol('weak key');
  tell('weakSymbol', new WeakMap([[symbol, 'by symbol']]), {kind: 'weakmap', entries: [[describe(symbol, 0), describe('by symbol')]]});
  module.exports.symbol = symbol;
});
module.exports.keys = [key1, key2];
