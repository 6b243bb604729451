// Calls in every form that Error.stack names in its own way, one inside the other; the innermost prints the stack and
// aborts on the same line.
Error.stackTraceLimit = Infinity;
Error.prepareStackTrace = (error, sites) => sites.map((site) => ({shown: String(site), line: site.getLineNumber(),
                                                                  column: site.getColumnNumber()}));

const calls = [];
let depth = 0;
function next() {
  return calls[depth++]();
}
// What is called through `step` shows up in the stack itself, its caller as one more line of this file.
const step = (call) => calls.push(call);

class Base {
  method() { return next(); }
  inherited() { return next(); }
  static make() { return next(); }
  get value() { return next(); }
  set value(x) { next(); }
  constructor(go) { if (go) next(); }
  ['computed name']() { return next(); }
  [Symbol.toPrimitive]() { next(); return 1; }
}
class Derived extends Base {
  method() { return super.method(); }
}
const Anonymous = (() => class { constructor() { next(); } })();
function OldStyle(go) { if (go) next(); }
OldStyle.prototype.assigned = function() { return next(); };
OldStyle.prototype.named = function other() { return next(); };
OldStyle.helper = function() { return next(); };

const literal = {
  short() { return next(); },
  arrow: () => next(),
  old: function() { return next(); },
  alias: null,
  get property() { return next(); },
  deep: {er: {function() { return next(); }}},
};
function borrowed() { return next(); }
literal.alias = borrowed;
literal.twice = borrowed;
const single = {only: borrowed};
const renamed = function() { return next(); };
Object.defineProperty(renamed, 'name', {value: 'renamed by hand'});
const tagged = {[Symbol.toStringTag]: 'Tagged', call() { return next(); }};
const bare = Object.create(null);
bare.call = function() { return next(); };
const dictionary = {};
for (let i = 0; i < 2000; ++i) dictionary['key' + i] = i;
delete dictionary.key7;
dictionary.entry = borrowed;
const proxied = new Proxy(literal, {});
function sloppyThis() { return next(); }
String.prototype.shout = function() { return next(); };
Number.prototype.plus = function() { 'use strict'; return next(); };
const bound = Base.prototype.method.bind(new Derived());
globalThis.onGlobal = function() { return next(); };
function* generator() { yield next(); }
async function asynchronous() { return next(); }
const object = {async later() { return next(); }, * many() { yield next(); }};
const keyed = {[Symbol('a symbol')]() { return next(); }};

step(() => new Derived().method());
step(() => new Derived().inherited());
step(() => Base.make());
step(() => Derived.make());
step(() => new Base().value);
step(() => { new Derived().value = 1; });
step(() => new Base(true));
step(() => new Derived(true));
step(() => new Base()['computed name']());
step(() => +new Base());
step(() => new Anonymous());
step(() => new OldStyle(true));
step(() => new OldStyle().assigned());
step(() => new OldStyle().named());
step(() => OldStyle.helper());
step(() => literal.short());
step(() => literal.arrow());
step(() => literal.old());
step(() => literal.alias());
step(() => single.only());
step(() => literal.property);
step(() => literal.deep.er.function());
step(() => renamed());
step(() => tagged.call());
step(() => bare.call());
step(() => dictionary.entry());
step(() => proxied.short());
step(() => sloppyThis.call(7));
step(() => sloppyThis.call('text'));
step(() => sloppyThis.call(null));
step(() => sloppyThis.call([1]));
step(() => 'text'.shout());
step(() => (5).plus());
step(() => bound());
step(() => onGlobal());
step(() => generator().next());
step(() => asynchronous());
step(() => object.later());
step(() => object.many().next());
step(() => keyed[Object.getOwnPropertySymbols(keyed)[0]]());
step(() => [1].map(() => next()));
step(() => [2, 1].sort(() => { if (depth < calls.length) next(); return 0; }));
step(() => [1].forEach(function() { next(); }, new Base()));
step(() => new Map([[1, 2]]).forEach(() => next()));
step(() => 'abc'.replace(/b/, () => { next(); return ''; }));
step(() => 'abc'.replace('b', () => { next(); return ''; }));
step(() => JSON.stringify({toJSON() { return next(); }}));
step(() => JSON.parse('[1]', () => { if (depth < calls.length) next(); }));
step(() => Reflect.apply(borrowed, literal, []));
step(() => Reflect.construct(Base, [true]));
step(() => Function.prototype.call.call(borrowed, new Map()));
step(() => Array.from([1], () => next()));
step(() => [...{* [Symbol.iterator]() { yield next(); }}]);
step(() => `${{toString() { return next() || ''; }}}`);
step(() => ({valueOf() { return next() || 1; }}) * 2);
step(() => new (class { field = next(); })());
step(() => class { static field = next(); });
step(() => { class Fields { field = next(); } return new Fields(); });
step(() => { class Statics { static field = next(); } return Statics; });
step(() => (() => next())());
step(() => (function() { return next(); })());
step(() => (function named() { return next(); })());
step(() => eval('next()'));
step(() => eval('(function inEval() { return eval("next()"); })()'));
step(() => (0, eval)('next()'));
step(() => new Function('f', 'return f()')(next));
step(() => new Promise(() => next()));
step(() => Object.defineProperty({}, 'late', {get: borrowed}).late);
step(() => Object.defineProperty({}, 'seen', {get: borrowed, enumerable: true}).seen);
step(() => require('vm').runInThisContext('next()', {filename: 'from-vm.js'}));
step(() => require('vm').runInThisContext('next()\n//# sourceURL=named-by-comment.js'));
step(() => eval('next()\n//# sourceURL=eval-with-name.js'));
step(() => new (require('vm').Script)('\n   next()', {filename: 'shifted.js', lineOffset: 10, columnOffset: 5}).runInThisContext());
globalThis.next = next;
let finished = false;
step(() => {
  if (finished) return 0;
  finished = true;
  const frames = new Error('now').stack; console.log(JSON.stringify({frames})); process.abort();
});
next();
