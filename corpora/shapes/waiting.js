'use strict';
// Promises, generators, weak things, errors, proxies, bound functions, and newer builtins.
const {describe, show, tell, attempt, evaluated} = require('./describe.js');

const silent = promise => (promise.catch(() => {}), promise);
const never = new Promise(() => {});
tell('pending', never, {kind: 'promise', value: 'pending'});
const awaited = new Promise(() => {});
awaited.then(function onDone() {}, function onFail() {});
awaited.finally(function atEnd() {});
const reactions = 4; // Two more wait for it below.
module.exports.reactions = reactions;
tell('withReactions', awaited, {kind: 'promise', value: 'pending', internal: {reactions: {length: reactions}}});
tell('all', Promise.all([awaited, 1, never, Promise.resolve(2)]), {kind: 'promise', value: 'pending'});
tell('race', Promise.race([awaited, never]), {kind: 'promise', value: 'pending'});
attempt(() => tell('settled', Promise.allSettled([never, silent(Promise.reject(new Error('no')))]), {kind: 'promise', value: 'pending'}));
attempt(() => tell('withResolvers', Promise.withResolvers(), {kind: 'object'}));
tell('resolvedByThenable', new Promise(done => done({then() {}})), {kind: 'promise', value: 'pending'});
tell('resolvedByPromise', Promise.resolve(never), {kind: 'promise', value: 'pending'});
tell('resolvedLater', new Promise(done => done(never)), {kind: 'promise', value: 'pending'});
show('fulfilledUndefined', Promise.resolve(), {value: 'fulfilled', internal: {result: describe(undefined)}});
show('fulfilledPrimitive', Promise.resolve(-0), {value: 'fulfilled', internal: {result: describe(-0)}});
show('rejectedPrimitive', silent(Promise.reject('a reason')), {value: 'rejected', internal: {result: describe('a reason')}});
const promiseWithMore = Promise.resolve([1]);
promiseWithMore.tag = 'own';
show('promiseWithProperties', promiseWithMore, {value: 'fulfilled'});
const handlers = {then: 1};
show('thenable', {then(f) { f(1); }});

// Suspended at various places.
function* counts() { const held = 'x'; try { yield 1; yield* [2, 3]; } finally { yield held; } }
const started = counts(), inDelegate = counts(), inFinally = counts(), ended = counts(), fresh = counts();
started.next();
inDelegate.next(), inDelegate.next();
inFinally.next(), inFinally.return(5);
[...ended];
for (const [name, one] of Object.entries({started, inDelegate, inFinally, fresh})) {
  tell(name, one, {kind: 'generator', value: 'suspended', internal: {function: {kind: 'function', value: 'counts'}}});
}
tell('ended', ended, {kind: 'generator', value: 'closed', internal: {function: {kind: 'function', value: 'counts'}}});
async function* produces() { try { yield 1; await never; yield 2; } finally { await never; } }
const unstarted = produces(), atYield = produces(), atAwait = produces();
atYield.next();
atAwait.next(), atAwait.next();
for (const [name, one] of Object.entries({unstarted, atYield, atAwait})) {
  tell(name, one, {kind: 'async-generator', value: 'suspended', internal: {function: {kind: 'function', value: 'produces'}}});
}
const receiver = {name: 'receiver', *walk() { yield this; }};
const walking = receiver.walk();
walking.next();
tell('methodGenerator', walking, {kind: 'generator', value: 'suspended', internal: {receiver: {kind: 'object'}}});
const executing = (function* () { module.exports.self = executing; yield 1; })();
executing.next();
async function waits(by) { const local = {by}; await never; return local; }
tell('asyncPromise', waits(1), {kind: 'promise', value: 'pending'});

// Weak things.
const anchor = {anchor: true};
attempt(() => {
  show('weakRefKept', new WeakRef(anchor), {kind: 'weakref', type: 'WeakRef', internal: {target: describe(anchor, 3)}}); // eslint-disable-line no-undef
  const registry = new FinalizationRegistry(function cleanUp() {}); // eslint-disable-line no-undef
  registry.register(anchor, 'held', anchor);
  tell('registry', registry, {kind: 'finalization-registry', internal: {cleanup: {kind: 'function', value: 'cleanUp'}}});
});
attempt(() => {
  const ref = (() => new WeakRef({gone: true}))(); // eslint-disable-line no-undef
  module.exports.afterCollection = () => {
    if (ref.deref() === undefined) tell('weakRefDead', ref, {kind: 'weakref', internal: {target: {kind: 'undefined'}}});
  };
});
const collected = new WeakMap([[anchor, 'kept']]);
for (let i = 0; i < 50; i++) collected.set({i}, {v: i});
module.exports.weakMapAfter = () => tell('weakMapCollected', collected, {kind: 'weakmap', length: 1, entries: [[describe(anchor, 0), describe('kept')]]});
module.exports.anchor = anchor;

// Errors.
const root = new TypeError('the root');
attempt(() => show('cause', new Error('outer', {cause: root})));
attempt(() => {
  const {error} = evaluated('try { null.x; } catch (error) { return {error}; }');
  show('thrownByEngine', error);
});
attempt(() => tell('aggregate', new AggregateError([root, 'two'], 'several'), {kind: 'error', properties: { // eslint-disable-line no-undef
  message: describe('several'), errors: describe([root, 'two'], 3)}}));
const changedError = new Error('before');
changedError.message = 'after';
changedError.name = 'Renamed';
changedError.stack = 'own stack';
show('changedError', changedError);
const noStack = new Error('none');
delete noStack.stack;
show('deletedStack', noStack);
show('emptyError', new Error());
show('messageObject', Object.assign(new Error('x'), {message: {not: 'text'}}));
const captured = {};
Error.captureStackTrace(captured);
tell('capturedStack', captured, {kind: 'object'});
const systemError = (() => { try { require('fs').readFileSync('/no/such/file'); } catch (error) { return error; } })();
show('systemError', systemError);
const codedError = (() => { try { Buffer.from({}); } catch (error) { return error; } })();
show('codedError', codedError, {properties: undefined});
attempt(() => tell('domException', (() => { try { structuredClone(() => {}); } catch (error) { if (error instanceof DOMException) return error; throw error; } })(), // eslint-disable-line no-undef
  {kind: undefined}));
attempt(() => show('suppressed', new SuppressedError(root, 'earlier', 'both'))); // eslint-disable-line no-undef
attempt(() => tell('disposables', evaluated(`const stack = new DisposableStack(); stack.defer(function later() {}); return stack;`), {type: 'DisposableStack'}));
function Assertion() { try { require('assert').strictEqual(1, 2); } catch (error) { return error; } }
show('assertion', Assertion(), {type: 'AssertionError', properties: undefined});

// Proxies and bound functions.
const {proxy: revoked, revoke} = Proxy.revocable({}, {});
revoke();
tell('revoked', revoked, {kind: 'proxy', internal: {target: describe(null), handler: describe(null)}});
const inner = new Proxy({deep: 1}, {get: () => 'no'}), outer = new Proxy(inner, {});
tell('nestedProxy', outer, {kind: 'proxy', internal: {target: {kind: 'proxy', internal: {target: describe({deep: 1}, 2)}}, handler: describe({})}});
tell('arrayProxy', new Proxy([1, 2], {}), {kind: 'proxy', internal: {target: describe([1, 2], 3)}});
tell('throwingProxy', new Proxy({}, {get() { throw new Error('touched'); }, ownKeys() { throw new Error('touched'); }}), {kind: 'proxy'});
tell('proxyPrototype', Object.create(new Proxy({}, {getPrototypeOf() { throw new Error(); }})), {kind: 'object'});
function plain(a, b) { return [this, a, b]; }
const once = plain.bind({bound: 1}, 'a'), twice = once.bind({ignored: 2}, 'b');
tell('boundTwice', twice, {kind: 'bound-function', internal: {target: {kind: 'bound-function', internal: {target: {kind: 'function', value: 'plain'}}}}});
tell('boundBare', plain.bind(), {kind: 'bound-function', internal: {this: describe(undefined), target: {kind: 'function', value: 'plain'}}});
tell('boundClass', (class Bound {}).bind(null), {kind: 'bound-function', internal: {target: {kind: 'class', value: 'Bound'}}});
tell('builtin', Math.max, {kind: 'function', value: 'max'});
tell('nativeConstructor', Map, {kind: 'function', value: 'Map'});
tell('asyncArrow', async () => {}, {kind: 'function', value: ''});
const renamed = function before() {};
Object.defineProperty(renamed, 'name', {value: 'after'});
tell('renamed', renamed, {kind: 'function', value: 'after'});

// Newer kinds.
attempt(() => tell('numberFormat', new Intl.NumberFormat('en'), {type: 'NumberFormat'}));
attempt(() => tell('dateFormat', new Intl.DateTimeFormat('en'), {type: 'DateTimeFormat'}));
attempt(() => tell('collator', new Intl.Collator('en'), {type: 'Collator'}));
attempt(() => tell('segmenter', new Intl.Segmenter('en'), {type: 'Segmenter'}));
attempt(() => tell('locale', new Intl.Locale('de-CH'), {type: 'Locale'}));
attempt(() => tell('temporalInstant', Temporal.Instant.fromEpochMilliseconds(5), {type: 'Instant'})); // eslint-disable-line no-undef
attempt(() => tell('temporalDate', Temporal.PlainDate.from('2024-02-29'), {type: 'PlainDate'})); // eslint-disable-line no-undef
attempt(() => tell('math', Math, {kind: 'object'}));
attempt(() => tell('json', JSON, {kind: 'object'}));
attempt(() => tell('atomics', Atomics, {kind: 'object'}));
attempt(() => tell('reflect', Reflect, {kind: 'object'}));
