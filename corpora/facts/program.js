'use strict';
// What `v8 whatis`, `v8 findjsinstances --where`, `v8 strings` and `v8 nodeinfo` are asked about.
const fs = require('fs');
const net = require('net');
const path = require('path');
const v8 = require('v8');

const TASKS = 3000;
const kept = [];

class Task {
  constructor(i) {
    this.id = i;
    this.state = ['pending', 'running', 'done', 'failed'][i % 4];
    this.retries = i % 7;
    this.score = i % 5 === 0 ? i / 8 - 20 : i % 3;   // sometimes a Smi, sometimes not
    this.flag = i % 2 === 0;
    this.parent = i % 10 === 0 ? null : i % 10 === 1 ? undefined : {id: i - 1};
    this.user = i % 11 === 0 ? null : {name: 'user' + i, tags: tags(i), address: i % 3 ? {zip: 10000 + i} : {}};
    this.items = [{c: 1}, {c: 2.5}, {c: i % 6}];
    this.numbers = [0.5, i / 4, i];
    this.big = BigInt(i) * 10n ** 15n;
    this.title = `na\u00efve \u2603 ${i % 20}`;
    this.nested = {'odd key': i % 4, deep: {er: {value: `v${i % 3}`}}};
    if (i % 6 === 0) this.extra = 'yes' + i;
    if (i % 8 === 0) delete this.retries;            // makes a dictionary of it
    if (i % 9 === 0) this.byName = new Map([['first', i], ['second', 'two']]);
  }
}
function tags(i) {
  return ['a', 'b', 'c', 'd'].slice(0, 1 + i % 4);
}
const tasks = Array.from({length: TASKS}, (_, i) => new Task(i));
kept.push(tasks);

const MISSING = undefined;
function at(value, ...names) {
  for (const name of names) {
    if (value === null || value === undefined) return MISSING;
    value = value instanceof Map ? value.get(name) : value[name];
  }
  return value;
}
const CONDITIONS = [
  ['state == "pending" && retries > 3', t => t.state === 'pending' && t.retries > 3],
  ["state=='done'||state=='failed'", t => t.state === 'done' || t.state === 'failed'],
  ['!(state == "done") && !flag', t => !(t.state === 'done') && !t.flag],
  ['flag', t => t.flag],
  ['score', t => t.score],
  ['score >= -1.5e0 && score < 12.25', t => t.score >= -1.5 && t.score < 12.25],
  ['score != 1', t => t.score !== 1],
  ['id <= 0x10 || id > 2990', t => t.id <= 0x10 || t.id > 2990],
  ['user.name =~ /^user1\\d$/', t => /^user1\d$/.test(at(t, 'user', 'name') || '')],
  ['user.name =~ /USER29/i', t => /USER29/i.test(at(t, 'user', 'name') || '')],
  ['user.name < "user2"', t => at(t, 'user', 'name') < 'user2'],
  ['user == null', t => t.user === null],
  ['parent == undefined', t => t.parent === undefined],
  ['parent.id > 2900', t => at(t, 'parent', 'id') > 2900],
  ['user.tags[2] == "c"', t => at(t, 'user', 'tags', 2) === 'c'],
  ['user.tags.length > 2', t => at(t, 'user', 'tags', 'length') > 2],
  ['title.length > 9', t => t.title.length > 9],
  ['"extra" in this', t => 'extra' in t],
  ['!("zip" in user.address)', t => !(t.user && 'zip' in t.user.address)],
  ['extra != undefined', t => t.extra !== undefined],
  ['retries == undefined', t => t.retries === undefined],
  ['title == "na\u00efve \u2603 7"', t => t.title === 'na\u00efve \u2603 7'],
  ['items[2].c == 4', t => t.items[2].c === 4],
  ['items[1].c == 2.5 && items[0].c != 1', t => t.items[1].c === 2.5 && t.items[0].c !== 1],
  ['numbers[1] > 700', t => t.numbers[1] > 700],
  ['nested["odd key"] == 1 && nested.deep.er.value == "v2"', t => t.nested['odd key'] === 1 && t.nested.deep.er.value === 'v2'],
  ['byName.first >= 0', t => at(t, 'byName', 'first') >= 0],
  ['big > 2999000000000000', t => t.big > 2999000000000000],
  ['flag == true && (id < 10 || id >= 2990)', t => t.flag === true && (t.id < 10 || t.id >= 2990)],
];
const where = CONDITIONS.map(([text, holds]) => {
  const chosen = tasks.filter(holds);
  return {text, count: chosen.length, sum: chosen.reduce((sum, t) => sum + t.id, 0)};
});

const FIRST = 40;
function firstBy(compare) {
  return tasks.slice().sort((a, b) => compare(a, b) || a.id - b.id).slice(0, FIRST).map(t => t.id);
}
const sorted = [
  {path: 'score', ids: firstBy((a, b) => a.score - b.score)},
  {path: 'score', descending: true, ids: firstBy((a, b) => b.score - a.score)},
  {path: 'nested.deep.er.value', descending: true, ids: firstBy((a, b) => a.nested.deep.er.value < b.nested.deep.er.value ? 1 : a.nested.deep.er.value > b.nested.deep.er.value ? -1 : 0)},
];
const printed = {paths: 'id,state,user.name,score,flag,nested.deep.er.value',
                 rows: tasks.slice(0, 50).map(t => [t.id, t.state, at(t, 'user', 'name'), t.score, t.flag, t.nested.deep.er.value])};

// Copies of strings that have never met: each is made of bytes of its own. The bytes are repeated, not a string: the halves
// of which `repeat` puts its result together would match too, as long as a leftover word of the stack points to them.
const duplicates = [];
function copies(part, times, count, encoding) {
  const bytes = Buffer.alloc(Buffer.byteLength(part, encoding) * times, part, encoding);
  for (let i = 0; i < count; i++) kept.push(bytes.toString(encoding));
  duplicates.push({part, times, count});
}
copies('dup<one>', 5, 40, 'latin1');
copies('dup<two>', 50, 30, 'latin1');
copies('dup<three>', 3000, 4, 'latin1');
copies('d\u00fcp<\u2603>', 7, 25, 'utf16le');
copies('dup<wide>', 6, 11, 'utf16le');   // of two bytes for each character, where one does
const LONGEST = 3000000;
kept.push(Buffer.alloc(LONGEST, 'L').toString('latin1'));

const server = net.createServer(() => {}).listen(0, '127.0.0.1', () => {
  process.title = 'facts title';
  kept.push(setTimeout(() => {}, 3600000), setInterval(() => {}, 7200000), fs.watch(__dirname, () => {}));
  setTimeout(die, 200);
});
kept.push(server);

function modules() {
  return Object.keys(require.cache).map(name => ({name, size: fs.readFileSync(name, 'utf8').length}));
}

function die() {
  let report = process.report && process.report.getReport();
  if (typeof report === 'string') report = JSON.parse(report);
  const known = {
    pid: process.pid, ppid: process.ppid, title: process.title, arch: process.arch, platform: process.platform,
    version: process.version, versions: Object.assign({}, process.versions), release: process.release, argv: process.argv,
    execArgv: process.execArgv, execPath: process.execPath, cwd: process.cwd(), uptime: process.uptime(), time: Date.now(),
    env: Object.assign({}, process.env), heap: v8.getHeapStatistics(), spaces: v8.getHeapSpaceStatistics(), modules: modules(),
    port: server.address().port, main: path.join(__dirname, 'program.js'),
  };
  globalThis.forAWhile = {};
  delete globalThis.forAWhile;
  const globals = Object.getOwnPropertyNames(globalThis).map(name => [name, Object.prototype.propertyIsEnumerable.call(globalThis, name)]);
  const maps = fs.readFileSync('/proc/self/maps', 'latin1').split('\n').filter(Boolean);
  console.log(JSON.stringify({counts: {Task: TASKS}, where, sorted, printed, duplicates, longest: LONGEST, process: known, globals, report, maps}));
  process.abort();
}
