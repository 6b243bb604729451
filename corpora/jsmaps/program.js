'use strict';
const { finish } = require('./inline'), { wait } = require('./waiting');
class Shop { constructor() { this.open = new Map(); }
  add(order) { this.open.set(order.id, order); this.close(order.id); }
  close(id) { return [id].map((each) => finish(each))[0]; }
}
wait().then((told) => { Object.assign(globalThis, told); setImmediate(() => new Shop().add({ id: 7, lines: ['tea'] })); });
//# sourceMappingURL=program.js.map
