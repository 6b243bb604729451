'use strict';
// Fills a small heap until V8 aborts. argv: [2] number of orders. Prints bounds of what is alive before every batch.
const fs = require('fs');

const ORDERS = Number(process.argv[2] || 20000);
const CUSTOMERS = 1500;
const BATCH = 1000;

class Customer {
  constructor(i) {
    this.name = 'customer ' + i;
    this.orders = [];
  }
}

class Order {
  constructor(i, customer) {
    this.number = i;
    this.customer = customer;
    this.lines = [i, i + 1];
  }
}

class Filler {
  constructor(i) {
    this.i = i;
    this.payload = [i, i, i, i, i, i, i, i];
  }
}

const customers = Array.from({ length: CUSTOMERS }, (_, i) => new Customer(i));
for (let i = 0; i < ORDERS; i++) {
  const customer = customers[i % CUSTOMERS];
  customer.orders.push(new Order(i, customer));
}
global.customers = customers;
global.batches = [];

const counts = { Order: ORDERS, Customer: CUSTOMERS };
for (let made = 0; ; made += BATCH) {
  const between = { Filler: [made, made + BATCH] };
  fs.writeSync(1, JSON.stringify({ counts, between, node: process.version }) + '\n');
  const batch = new Array(BATCH);
  global.batches.push(batch);
  for (let i = 0; i < BATCH; i++) batch[i] = new Filler(made + i);
}
