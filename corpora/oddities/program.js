'use strict';
// Values that are rarer still than those of `shapes`: private methods, objects that pretend to be others, indexed properties where
// nobody looks for them, patterns of NaN, things in the middle of what they do.
const {gallery, told, skipped} = require('./describe.js');
require('./classes.js');
require('./states.js');
require('./node.js')(() => {
  process.keep = gallery;
  require('fs').writeSync(1, JSON.stringify({values: told, skipped: skipped()}) + '\n');
  process.abort();
});
