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
  require('fs').writeSync(1, JSON.stringify({values: told, skipped: skipped(), where}) + '\n');
  process.abort();
}
run().catch(error => {
  console.error(error);
  process.exit(1);
});
