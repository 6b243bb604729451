interface Order {
  id: number;
  lines: string[];
}

const { finish } = require('./inline'), { wait } = require('./waiting');

class Shop {
  private readonly open: Map<number, Order> = new Map();

  add(order: Order): void {
    this.open.set(order.id, order);
    this.close(order.id);
  }

  close(id: number): boolean {
    return [id].map((each: number): boolean => finish(each))[0];
  }
}

wait().then((told: object) => { Object.assign(globalThis, told); setImmediate(() => new Shop().add({ id: 7, lines: ['tea'] })); });
