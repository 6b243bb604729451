'use strict';
// Spins, in compiled code (argv[2]: loop) or in a regular expression (regexp), until it is killed. Prints the frames of
// Error.stack of the function that spins, and which lines and functions it can be found in.
const fs = require('fs');
const source = fs.readFileSync(__filename, 'utf8').split('\n');
// Numbers of the first and last line marked so.
const marked = (mark) => [source.findIndex((line) => line.endsWith(mark)) + 1,
                          source.length - source.slice().reverse().findIndex((line) => line.endsWith(mark))];

Error.stackTraceLimit = Infinity;
Error.prepareStackTrace = (error, sites) => sites.map((site) => ({shown: String(site), line: site.getLineNumber()}));

function mix(a, b) {
  return Math.imul(a ^ b, 0x9e3779b1) >>> 3;  // @mix
}
function round(values, seed) {
  for (let i = 1; i < values.length; i++) {  // @round
    values[i] = mix(values[i - 1], seed + i);
    if (values[i] % 7 === 0) values[i - 1] ^= values[i];  // @round
  }
  return values[0] + values[values.length - 1];  // @round
}
class Spinner {
  loop(told) {
    const values = Array.from({length: 1000}, (_, i) => i);
    let sum = 0;
    for (let i = 0; i < told; i++) {  // @loop
      sum ^= round(values, i);  // @loop
      if (i === 3000) this.tell('loop');  // @loop
    }
    return sum;
  }
  regexp() {
    this.tell('regexp');
    return /^(?:a+)+$/.test('a'.repeat(60) + 'b');  // @regexp
  }
  tell(mode) {
    const frames = new Error('now').stack.slice(1);
    const inner = mode === 'loop' ? {round: marked('// @' + 'round'), mix: marked('// @' + 'mix')} : {'RegExp.test': null};
    fs.writeSync(1, JSON.stringify({frames, lines: marked('// @' + mode), inner}) + '\n');
  }
}
setImmediate(function later() {
  new Spinner()[process.argv[2]](Infinity);
});
