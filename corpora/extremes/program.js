'use strict';
// What is too long, too deep or too odd for a line: one instance of Extremes holds it all.
const crypto = require('crypto');
const MB = 1 << 20;
const hash = text => crypto.createHash('sha1').update(text).digest('hex');

class Extremes {}
const held = new Extremes();
const told = {strings: {}, names: {}};

function string(name, text) {
  held[name] = text;
  told.strings[name] = {length: text.length, start: text.slice(0, 16), sha1: hash(text)};
}
string('flat', Buffer.alloc(100 * MB, '0123456789abcdefghijklmnopqrstuvwxyz').latin1Slice());
string('wide', Buffer.alloc(100 * MB, '\u20ac0', 'utf16le').ucs2Slice());
let joined = 'joined:';
for (let i = 0; i < 200000; i++) joined += `part ${i};`;
const copy = Buffer.from(joined); // Hashing would put it together.
told.strings.joined = {length: joined.length, start: joined.slice(0, 16), sha1: hash(copy)};
held.joined = `${joined}`;

// Matched to their ends, as JavaScript does it (`joined` by its copy, for the same reason).
held.hopeless = `${'a'.repeat(60)}b`;
told.hopeless = '(a+)+$';
const texts = {flat: held.flat, wide: held.wide, joined: copy.latin1Slice()};
told.conditions = [['flat', '[a-z]f$'], ['flat', 'f[0-9]$'], ['wide', '0$'], ['wide', '1'], ['joined', 'part 199999;$'], ['joined', 'part 200000;']]
  .map(([name, pattern]) => ({text: `${name} =~ /${pattern}/`, holds: new RegExp(pattern).test(texts[name])}));

held.million = Array.from({length: 1e6}, (_, i) => i * 2);
held.objects = Array.from({length: 1e5}, (_, i) => ({i}));
held.doubles = Array.from({length: 1e6}, (_, i) => i + 0.5);
// More members than one value is shown with: paths and conditions reach them all the same.
const MANY = 1200000;
held.manyDoubles = Array.from({length: MANY}, (_, i) => i + 0.25);
held.manyIntegers = Int32Array.from({length: MANY}, (_, i) => i * 3);
held.manyEntries = new Map(Array.from({length: MANY}, (_, i) => [`key ${i}`, i]));
held.manyMembers = new Set(Array.from({length: MANY}, (_, i) => i * 5));
held.manyNames = Object.create(null);
for (let i = 0; i < MANY; i++) held.manyNames[`name${i}`] = i * 7;
const last = MANY - 1;
told.beyond = {[`manyDoubles[${last}]`]: last + 0.25, [`manyIntegers[${last}]`]: last * 3, [`manyEntries["key ${last}"]`]: last,
               [`manyMembers[${last}]`]: last * 5, [`manyNames.name${last}`]: last * 7, [`manyIntegers[7]`]: 21, [`manyEntries["key 0"]`]: 0};
told.million = {length: 1e6, last: 1999998};

// A chain of prototypes, and one that a test makes a ring of in the core.
let chain = {bottom: true};
for (let i = 0; i < 20000; i++) chain = Object.create(chain);
held.chain = chain;
held.ring = Object.create({inner: 1});
held.ring.own = 'ring';
let nested = {};
for (let i = 0; i < 20000; i++) nested = {nested};
held.nested = nested;

for (const name of ['line\nbreak', 'escape\x1b[2J', 'back\b', 'nul\0', 'right\u202eleft', 'quote"\'', 'a.b[0]', '', 'lone\ud800', '\u{1f600}']) {
  held[`name of ${name}`] = {[name]: name};
  told.names[`name of ${name}`] = name;
}
held.odd = new ({['odd\x1b[2J\nname']: class {}}['odd\x1b[2J\nname'])();

console.log(JSON.stringify(told));
process.abort();
