'use strict';
// What Node.js itself makes.
const {describe, show, tell, attempt} = require('./describe.js');

attempt(() => tell('url', new URL('https://user:pw@example.org:8080/p/a?q=1#h'), {kind: 'object', type: 'URL'}));
attempt(() => tell('searchParams', new URLSearchParams('a=1&b=2&a=3'), {kind: 'object', type: 'URLSearchParams'}));
attempt(() => tell('headers', new Headers({a: 'b', 'x-many': '1, 2'}), {kind: 'object'})); // eslint-disable-line no-undef
attempt(() => tell('request', new Request('http://localhost/', {method: 'POST', body: 'x'}), {kind: 'object'})); // eslint-disable-line no-undef
attempt(() => tell('response', new Response('body', {status: 201}), {kind: 'object'})); // eslint-disable-line no-undef
attempt(() => tell('blob', new Blob(['some ', 'bytes']), {type: 'Blob'})); // eslint-disable-line no-undef
attempt(() => tell('formData', (() => { const f = new FormData(); f.append('k', 'v'); return f; })(), {kind: 'object'})); // eslint-disable-line no-undef
attempt(() => {
  const controller = new AbortController(); // eslint-disable-line no-undef
  controller.signal.addEventListener('abort', function onAbort() {});
  tell('aborter', controller, {type: 'AbortController'});
  const aborted = new AbortController(); // eslint-disable-line no-undef
  aborted.abort({why: 'tired'});
  tell('aborted', aborted.signal, {kind: 'object'});
});
attempt(() => tell('eventTarget', new EventTarget(), {type: 'EventTarget'})); // eslint-disable-line no-undef
attempt(() => tell('event', new Event('kind', {cancelable: true}), {type: 'Event'})); // eslint-disable-line no-undef
const Emitter = require('events');
const emitter = new Emitter();
emitter.on('one', function first() {});
emitter.on('one', function second() {});
emitter.once('two', () => {});
show('emitter', emitter);
attempt(() => tell('keyObject', require('crypto').createSecretKey(Buffer.from('0123456789abcdef')), {type: 'SecretKeyObject'}));
attempt(() => tell('hash', require('crypto').createHash('sha256').update('x'), {type: 'Hash'}));
attempt(() => tell('readable', require('stream').Readable.from(['a', 'b']), {type: 'Readable'}));
attempt(() => tell('webStream', new ReadableStream(), {type: 'ReadableStream'})); // eslint-disable-line no-undef
const {MessageChannel} = require('worker_threads');
const {port1} = new MessageChannel();
port1.unref();
tell('port', port1, {type: 'MessagePort'});
const timer = setTimeout(function fires() {}, 1e8, 'argument');
timer.unref();
tell('timer', timer, {kind: 'object', type: 'Timeout'});
const repeating = setInterval(() => {}, 1e8);
repeating.unref();
tell('interval', repeating, {kind: 'object', type: 'Timeout'});
tell('immediate', setImmediate(() => {}), {kind: 'object', type: 'Immediate'});
attempt(() => tell('textEncoder', new TextEncoder(), {type: 'TextEncoder'}));
attempt(() => tell('textDecoder', new TextDecoder(), {type: 'TextDecoder'}));
attempt(() => tell('storage', new (require('async_hooks').AsyncLocalStorage)(), {type: 'AsyncLocalStorage'}));
attempt(() => tell('script', new (require('vm').Script)('1 + 1', {filename: 'made.js'}), {type: 'Script'}));
tell('moduleObject', module, {kind: 'object', type: 'Module'});
tell('environment', process.env, {kind: 'object'});
show('versions', process.versions);
attempt(() => show('performanceEntry', require('perf_hooks').performance.timeOrigin));
show('stats', require('fs').statSync(__filename));
attempt(() => tell('dirent', require('fs').readdirSync(__dirname, {withFileTypes: true}), {kind: 'array'}));
attempt(() => tell('bigintStats', require('fs').statSync(__filename, {bigint: true}), {kind: 'object'}));
const zlib = require('zlib');
attempt(() => tell('gzip', zlib.createGzip(), {type: 'Gzip'}));
const server = require('net').createServer();
server.listen(0).unref();
tell('server', server, {kind: 'object', type: 'Server'});
tell('tcpHandle', server._handle, {kind: 'object', type: 'TCP'});
const child = require('child_process').spawn('true', {stdio: 'ignore'});
tell('child', child, {kind: 'object', type: 'ChildProcess'});
module.exports.ready = require('fs').promises.open(__filename).then(handle => {
  tell('fileHandle', handle, {type: 'FileHandle'});
  module.exports.handle = handle;
}, () => {});
