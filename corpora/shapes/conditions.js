'use strict';
// Conditions made at random on objects of odd shapes, with the objects that fulfil them by the rules that `v8 findjsinstances` tells.
let seed = 1;
const rnd = n => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor(seed / 65536) % n; };
const pick = list => list[rnd(list.length)];
class Item {}
const shared = {shared: true};
const values = [() => 0, () => -0, () => 1, () => -1, () => 0.5, () => NaN, () => Infinity, () => -Infinity, () => 2147483647, () => 2147483648, () => -2147483649,
  () => 1e21, () => 5n, () => -7n, () => 2n ** 70n, () => '', () => 'a', () => 'b', () => 'gr\u00fc\u00df', () => '\u65e5\u672c', () => 'say "hi"\n', () => 'a' + String.fromCharCode(98, 99).repeat(20) + rnd(9),
  () => true, () => false, () => null, () => undefined, () => shared, () => ({x: rnd(4), deep: {y: pick(['a', 'b', 0.25, null])}}), () => [1, 'two', 3.5], () => [0.5, , 2.5], () => [, 'b'],
  () => new Map([['x', rnd(5)], ['k 1', 'v'], [3, 'three']]), () => new Set(['s']), () => new Uint8Array([7, 8, 9]), () => new Float64Array([0.5, -1]), () => Symbol('sym'),
  () => Object.freeze({x: 2}), () => Object.assign(Object.create(null), {x: 'dict', 'odd key': 1}), () => new Date(5), () => /re/, () => new String('boxed'), () => Object.freeze(['f', 1]),
  () => Object.assign([9, 8], {extra: 'e'}), () => { const a = []; a[100000] = 'far'; return a; }, () => { const o = {x: 1, y: 2, z: 3}; delete o.x; return o; }, () => ({0: 'zero', 5: 0.5, name: 'n'}), () => Buffer.from('xyz')];
const names = ['a', 'b', 'c', 'state', '$d', '_e', 'f1', '\u00fcml', 'odd key', 'with.dot', '0'];
const items = [];
for (let i = 0; i < 400; i++) {
  const item = new Item();
  item.id = i;
  for (const name of names) if (rnd(4)) item[name] = pick(values)();
  if (i % 7 === 0) delete item.a;

  if (i % 13 === 0) for (let k = 0; k < 30; k++) item[`m${k}`] = k;
  if (i % 11 === 0) Object.freeze(item);
  items.push(item);
}
const MISSING = {missing: true}, COMPUTED = {computed: true}; // What V8 computes is never equal and never true.
function step(value, name) {
  if (value === null || value === undefined) return MISSING;
  if (typeof value === 'string') return name === 'length' ? value.length : MISSING;
  if (typeof value !== 'object') return MISSING;
  if (value instanceof Map) {
    if (Object.prototype.hasOwnProperty.call(value, name)) return value[name];
    if (name === 'size') return value.size;
    if (value.has(name)) return value.get(name);
    if (String(name >>> 0) === name && value.has(Number(name))) return value.get(Number(name));
    return MISSING;
  }
  if (value instanceof Set) {
    if (name === 'size') return value.size;
    return String(name >>> 0) === name && Number(name) < value.size ? [...value][name] : MISSING;
  }
  if (ArrayBuffer.isView(value) && name === 'length') return value.length;
  if (value instanceof String) return name === 'value' ? String(value) : name === 'length' ? COMPUTED : MISSING; // the first is internal
  return Object.prototype.hasOwnProperty.call(value, name) ? value[name] : MISSING;
}
const get = (item, path) => path.reduce((v, n) => (v === MISSING ? MISSING : step(v, n)), item);
const kind = v => v === COMPUTED ? 'computed' : v === MISSING || v === undefined ? 'undefined' : v === null ? 'null' : typeof v === 'bigint' ? 'number' : ['number', 'string', 'boolean'].includes(typeof v) ? typeof v : 'other';
function compare(l, op, r) {
  const a = kind(l), b = kind(r), differs = op.startsWith('!');
  if (a !== b) return differs;
  if (a === 'computed') return false;
  if (a === 'number' && op.startsWith('==')) return l == r; // a BigInt is a number here
  if (a === 'number' && differs) return l != r;
  if (a === 'undefined' || a === 'null') return ['==', '===', '<=', '>='].includes(op);
  switch (op) {
    case '==': case '===': return l === r;
    case '!=': case '!==': return l !== r;
  }
  if (a === 'other') return false;
  return op === '<' ? l < r : op === '<=' ? l <= r : op === '>' ? l > r : l >= r;
}
function writePath(path) {
  let text = '';
  path.forEach((name, i) => {
    if (/^[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*$/.test(name)) text += (i ? '.' : '') + name;
    else if (/^(0|[1-9]\d*)$/.test(name)) text += `[${name}]`;
    else text += `[${JSON.stringify(name)}]`;
  });
  return text;
}
const literals = [['0', 0], ['-0', -0], ['1', 1], ['0.5', 0.5], ['.5', 0.5], ['-1', -1], ['0x10', 16], ['1e21', 1e21], ['2147483648', 2147483648], ['-2147483649', -2147483649], ['NaN', NaN], ['Infinity', Infinity],
  ['-Infinity', -Infinity], ['5n', 5n], ['-7n', -7n], ['true', true], ['false', false], ['null', null], ['undefined', undefined], ['"a"', 'a'], ["'b'", 'b'], ['""', ''], ['"gr\u00fc\u00df"', 'gr\u00fc\u00df'],
  ['"\u65e5\u672c"', '\u65e5\u672c'], ['"say \\"hi\\"\\n"', 'say "hi"\n'], ["'say \"hi\"\\n'", 'say "hi"\n'], ['"\\u65e5\\u672c"', '\u65e5\u672c'], ['"gr\\xfc\\xdf"', 'gr\u00fc\u00df'], ['"\\u{65e5}\u672c"', '\u65e5\u672c'],
  ['3.5', 3.5], ['2', 2], ['4294967296', 4294967296], ['1_000', 1000], ['0b11', 3], ['0o17', 15], ['1E3', 1000], ['5.', 5]];
const paths = () => {
  const path = [pick(names)];
  const tails = [['x'], ['deep', 'y'], ['0'], ['1'], ['2'], ['length'], ['size'], ['k 1'], ['3'], ['odd key'], ['extra'], ['100000'], ['name'], ['5'], ['deep', 'nothing', 'at', 'all']];
  if (rnd(2)) path.push(...pick(tails));
  return path;
};
const ops = ['==', '!=', '===', '!==', '<', '<=', '>', '>='];
const regexes = [['/^a/', /^a/], ['/B/i', /B/i], ['/\\d$/', /\d$/], ['/[\u65e5-\u8a9e]/', /[\u65e5-\u8a9e]/], ['/^$/', /^$/], ['/(bc){3,}/', /(bc){3,}/], ['/"\\w+"/', /"\w+"/], ['/\\n/', /\n/], ['/gr.\u00df/', /gr.\u00df/], ['/a|b/', /a|b/], ['/./s', /./s], ['/\\u65e5/', /\u65e5/]];
function atom() {
  switch (rnd(6)) {
    case 0: { const p = paths(); return [writePath(p), o => { const v = get(o, p); return v !== MISSING && v !== COMPUTED && Boolean(v); }]; }
    case 1: { const p = paths(), [t, r] = pick(regexes); return [`${writePath(p)} =~ ${t}`, o => { const v = get(o, p); return typeof v === 'string' && r.test(v); }]; }
    case 2: { const p = paths(), l = p.pop(); return p.length ? [`${JSON.stringify(l)} in ${writePath(p)}`, o => get(o, [...p, l]) !== MISSING] : [`"${l}" in this`, o => get(o, [l]) !== MISSING]; }
    case 3: { const p = paths(), q = paths(), op = pick(ops); return [`${writePath(p)} ${op} ${writePath(q)}`, o => compare(get(o, p), op, get(o, q))]; }
    default: { const p = paths(), [t, v] = pick(literals), op = pick(ops);
      return rnd(3) ? [`${writePath(p)}${op}${t}`, o => compare(get(o, p), op, v)] : [`${t} ${op} ${writePath(p)}`, o => compare(v, op, get(o, p))]; }
  }
}
function condition(depth) {
  if (depth === 0 || rnd(3) === 0) return atom();
  const a = condition(depth - 1), b = condition(depth - 1);
  switch (rnd(4)) {
    case 0: return [`!(${a[0]})`, o => !a[1](o)];
    case 1: return [`(${a[0]}) && (${b[0]})`, o => a[1](o) && b[1](o)];
    case 2: return [`(${a[0]}) || (${b[0]})`, o => a[1](o) || b[1](o)];
    default: return [`( ( ${a[0]} )||!(${b[0]})&&(${a[0]}))`, o => a[1](o) || (!b[1](o) && a[1](o))];
  }
}
const where = [];
for (let i = 0; i < 400; i++) {
  const [text, holds] = condition(i % 4 === 3 ? 2 : 0);
  where.push({text, ids: items.filter(holds).map(o => o.id)});
}
module.exports = {items, where};
