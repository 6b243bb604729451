'use strict';
// Throws from deep inside a timer; run with --abort-on-uncaught-exception.
const fs = require('fs');

class PaymentError extends Error {
  constructor(message, invoice) {
    super(message);
    this.name = 'PaymentError';
    this.invoice = invoice;
  }
}

class Invoice {
  constructor(number, amount) {
    this.number = number;
    this.amount = amount;
  }

  pay(account) {
    return withdraw(account, this);
  }
}

function withdraw(account, invoice) {
  if (account.balance < invoice.amount) throw new PaymentError('not enough money', invoice);
  account.balance -= invoice.amount;
  return account.balance;
}

function payAll(account, invoices) {
  return invoices.map((invoice) => invoice.pay(account));
}

const invoices = Array.from({ length: 700 }, (_, i) => new Invoice(i, i));
global.invoices = invoices;
setTimeout(function nightly() {
  const counts = { Invoice: 700, PaymentError: 1 };
  fs.writeSync(1, JSON.stringify({ counts, node: process.version }) + '\n');
  payAll({ owner: 'somebody', balance: 1000 }, invoices);
}, 10);
