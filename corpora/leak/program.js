'use strict';
// An HTTP service that leaks one session per request and serves itself a given number of them.
// argv: [2] number of requests. Prints what it holds, then aborts.
const fs = require('fs');
const http = require('http');

const TOTAL = Number(process.argv[2] || 2000);
const PARALLEL = 20;
const CACHED_PAGES = 100;

class CartItem {
  constructor(sku, quantity) {
    this.sku = sku;
    this.quantity = quantity;
  }
}

class AuditEntry {
  constructor(what) {
    this.what = what;
    this.at = 1600000000000;
  }
}

class Session {
  constructor(token, user) {
    this.token = token;
    this.user = user;
    this.cart = [new CartItem('sku-' + token, 1), new CartItem('gift', 2)];
    this.audit = new AuditEntry('login of ' + user);
    this.locale = 'en';
    this.currency = 'EUR';
    this.consent = true;
    this.created = 1600000000;
    this.touched = 1600000000;
    this.requests = 1;
    this.failures = 0;
    this.referrer = null;
    this.campaign = null;
    this.lastPage = null;
    this.returnTo = null;
    this.payment = null;
    this.address = null;
    this.discount = 0;
    this.flash = null;
    this.csrf = null;
    this.onTimeout = () => this.end();
  }

  end() {
    this.cart = [];
  }
}

class Page {
  constructor(path) {
    this.path = path;
    this.html = '<html>' + path + '</html>';
  }
}

const sessions = new Map();  // the leak: nothing is ever deleted
const pages = new Map();     // bounded

function pageFor(path) {
  if (!pages.has(path)) pages.set(path, new Page(path));
  return pages.get(path);
}

const server = http.createServer((request, response) => {
  const number = Number(request.headers['x-request']);
  const token = 'token-' + number;
  sessions.set(token, new Session(token, 'user-' + (number % 50)));
  const page = pageFor('/page/' + (number % CACHED_PAGES));
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end(page.html);
});

const agent = new http.Agent({ keepAlive: true, maxSockets: PARALLEL });
let started = 0;
let finished = 0;

function finish() {
  const counts = {
    Session: sessions.size,
    CartItem: 2 * sessions.size,
    AuditEntry: sessions.size,
    Page: pages.size,
  };
  fs.writeSync(1, JSON.stringify({ counts, requests: finished, node: process.version }) + '\n');
  process.abort();
}

function next(port) {
  if (started === TOTAL) return;
  const headers = { 'x-request': String(started++) };
  http.get({ host: '127.0.0.1', port, path: '/', headers, agent }, (response) => {
    response.resume();
    response.on('end', () => {
      if (++finished === TOTAL) finish();
      else next(port);
    });
  });
}

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  for (let i = 0; i < PARALLEL; i++) next(port);
});
