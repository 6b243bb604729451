'use strict';
// Closures over many variables of several scopes, some of which change their kind, and registers that nobody shares; prints
// the values and aborts in the innermost function.
let counter = 0, ratio = 0.5, text = 'module';
const names = Array.from({length: 90}, (_, i) => `v${i}`);

function sum() { return counter + ratio + text.length; }
for (let i = 0; i < 20000; i++) { counter++; ratio += 0.25; sum(); }

// A scope of more variables than V8 lists by name.
const large = new Function('sum', 'told', 'die', `
  let ${names.map((name, i) => `${name} = ${i % 3 ? i + 0.5 : i}`).join(', ')};
  const all = () => ({${names.join(', ')}});
  ${names.map((name) => `${name} += 1;`).join(' ')}
  return (function inLarge() { Object.assign(told, all()); die(); return all; })();`);

function outer(argument) {
  let object = {kind: 'object'}, undefinedOne, nothing = null, flag = true;
  {
    let block = 'block scope';
    return (function inner() {
      const told = {counter, ratio, text, argument, undefinedOne, nothing, flag, block, object};
      large(sum, told, () => {
        console.log(JSON.stringify({variables: {...told, undefinedOne: 'undefined', object: 'object'}, lines: require('fs').readFileSync(__filename, 'utf8').split('\n')})); process.abort();
      });
      return [object, block, argument, undefinedOne, nothing, flag];
    })();
  }
}
outer('first');
