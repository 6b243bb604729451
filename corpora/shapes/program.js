'use strict';
// Values in shapes that corpora/values does not have, each with a description by the program's own eyes.
const {gallery, told, skipped} = require('./describe.js');
require('./objects.js');
const arrays = require('./arrays.js');
require('./strings.js');
require('./buffers.js');
const waiting = require('./waiting.js');
const platform = require('./platform.js');
require('./scopes.js');
const {items, where} = require('./conditions.js');
const {modules} = require('./modules.js');

/// What `v8 inspect --path` leads to: keys of Maps, odd names, lengths.
function pathsInto({mapKeys, names, pushed, bigSet, mapWithDeleted, dataViewEnd, clamped, pair}) {
  return {
    'mapKeys[null]': mapKeys.get(null), 'mapKeys.NaN': mapKeys.get(NaN), 'mapKeys[1n]': mapKeys.get(1n), 'mapKeys[true]': mapKeys.get(true),
    "mapKeys['0.5']": mapKeys.get(0.5), 'mapKeys[0]': mapKeys.get('0'), 'mapKeys[undefined]': mapKeys.get(undefined), "mapKeys['']": mapKeys.get(''),
    "names['a.b']": names['a.b'], "names['-1']": names['-1'], "names['a[0]']": names['a[0]'], "names['\\'']": names["'"],
    'names[4294967294]': names[4294967294], 'pushed.length': pushed.length, 'bigSet.size': bigSet.size, 'mapWithDeleted.size': mapWithDeleted.size,
    'dataViewEnd.byteLength': dataViewEnd.byteLength, 'clamped.length': clamped.length, 'pair.length': pair.length,
    'withReactions.reactions.length': waiting.reactions,
  };
}

async function run() {
  await platform.ready;
  await modules();
  require('v8').setFlagsFromString('--expose-gc');
  const collect = require('vm').runInNewContext('gc');
  await new Promise(done => setTimeout(done, 20));
  collect();
  await new Promise(done => setTimeout(done, 20));
  collect();
  if (waiting.afterCollection) waiting.afterCollection();
  waiting.weakMapAfter();
  process.keep = [gallery, items, arrays, waiting, platform];
  require('fs').writeSync(1, JSON.stringify({values: told, skipped: skipped(), where, paths: pathsInto(gallery)}) + '\n');
  process.abort();
}
run().catch(error => {
  console.error(error);
  process.exit(1);
});
