'use strict';
// Fills the V8 heap with strings of MEGABYTES in all and dies by abort(). Four lengths, each with a quarter of the bytes; one
// string in a thousand holds the needle.
//
//   node --max-old-space-size=8000 strings.js MEGABYTES
const LENGTHS = [32, 256, 4096, 65536];
const NEEDLE = 'needle-in-haystack';
const PER_CHUNK = 4096;
const megabytes = Number(process.argv[2] || 1024);

const letters = Buffer.alloc(65536 + 64);
let state = 12345;
for (let i = 0; i < letters.length; i++) {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  letters[i] = 97 + (state >> 16) % 26;
}

let strings = 0, needles = 0, bytes = 0;
const kept = [];
for (const length of LENGTHS) {
  const buffer = Buffer.from(letters.slice(0, length));
  const count = Math.floor(megabytes * 1048576 / LENGTHS.length / length);
  let chunk = [];
  for (let i = 0; i < count; i++) {
    buffer.write(String(i).padStart(10, '0'), 0, 'latin1');
    const hit = i % 1000 === 999;
    buffer.write(hit ? NEEDLE : letters.latin1Slice(10, 10 + NEEDLE.length), 12, 'latin1');
    chunk.push(buffer.latin1Slice(0, length)); // Flat, unlike what is joined.
    needles += hit;
    if (chunk.length === PER_CHUNK) {
      kept.push(chunk);
      chunk = [];
    }
  }
  kept.push(chunk);
  strings += count;
  bytes += count * length;
}
global.kept = kept;
console.log(JSON.stringify({strings, needles, bytes, node: process.versions.node}));
process.abort();
