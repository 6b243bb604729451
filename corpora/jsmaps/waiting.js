'use strict';
const unread = [];
async function inner(gate) { await gate;
  const [first, second] = [0, 1].map(() => new Error('pair')); unread.push(second); return { error: first.stack };
}
async function outer(gate) { const told = await inner(gate); return told; }
exports.wait = async function wait() { const gate = new Promise(() => {}); Object.assign(globalThis, { gate }); outer(gate); return outer(null); };
//# sourceMappingURL=waiting.js.map
