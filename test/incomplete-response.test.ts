import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { startApp } from './support/app.ts';
import { startViewer } from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { b3, hex } from './support/http.ts';
import { linesOf } from './support/log-lines.ts';
import { traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const viewer = disposeAfterTests(await startViewer());

/** An app with the demo's log whose response depends on `?how=`. */
const service = disposeAfterTests(
  await startApp(
    viewer.env,
    `import http from 'node:http';
     import { pipeline, Readable } from 'node:stream';
     import { createApp } from './src/server/app.ts';
     import { log } from './src/log.ts';
     import { callerDisconnected } from './src/telemetry/caller-disconnected.ts';

     const how = {
       'waits for the caller to leave': () => {},
       'streams until the caller leaves': (req, res) => pipeline(Readable.from(endless()), res, () => {}),
       'fails before the headers: res.destroy(error)': (req, res) => res.destroy(new TypeError('no row')),
       'fails before the headers: socket.destroy()': (req) => req.socket.destroy(),
       'fails after the headers: a stream': (req, res) => pipeline(Readable.from(failing()), res, () => {}),
       'fails after the headers: the error of another connection': (req, res) => {
         res.write('a', () => res.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' })));
       },
       'fails after the headers: res.destroy()': (req, res) => res.write('a', () => res.destroy()),
       'fails after the headers: throw': (req, res) => {
         res.write('a');
         throw new Error('no more');
       },
       'fails by its own timeout': (req) => req.setTimeout(1),
       'is complete': (req, res) => res.end('a'),
       'calls with node:http': (req, res) => {
         const url = 'http://127.0.0.1:' + req.socket.localPort + '/?how=' + encodeURIComponent(req.query.call);
         http.get(url, (response) => response.on('error', () => {}).on('close', () => res.end()).resume());
       },
     };
     async function* endless() { for (;;) { yield 'a'.repeat(1000); await new Promise(setImmediate); } }
     async function* failing() { yield 'a'; throw new RangeError('no more rows'); }
     const app = createApp([(req, res) => how[req.query.how](req, res)], log, callerDisconnected);`,
  ),
);

/** The SERVER span and the log line of a request whose caller treats its connection as told. */
async function outcomeOf(how: string, treat: (socket: Socket) => void = () => {}) {
  const [traceId, { port }] = [hex(32), new URL(service.url)];
  const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
  socket.write(`GET /?how=${encodeURIComponent(how)} HTTP/1.1\r\nHost: x\r\nb3: ${traceId}-${hex(16)}-1\r\n\r\n`);
  treat(socket.resume());
  const [span] = await traceOf(viewer, traceId, 1);
  socket.destroy();
  const line = await until('the line', () => linesOf(service).find((l) => l.trace_id === traceId && l.method));
  const { 'error.type': errorType, 'http.response.status_code': statusCode } = span?.tags ?? {};
  return { errorType, statusCode, status: line.status, msg: line.msg };
}

const afterData = (leave: (socket: Socket) => void) => (socket: Socket) => socket.once('data', () => leave(socket));

for (const [what, how, leave] of [
  ['before the headers', 'waits for the caller to leave', (socket: Socket) => socket.end()],
  ['after the headers', 'streams until the caller leaves', afterData((socket) => socket.end())],
  ['by a reset', 'streams until the caller leaves', afterData((socket) => socket.resetAndDestroy())],
] as const) {
  test(`the caller disconnects ${what}: span and log say so`, async () => {
    const { errorType, statusCode, status, msg } = await outcomeOf(how, leave);
    assert.deepEqual([errorType, status, msg], ['client_disconnected', 499, 'GET / 499']);
    assert.equal(statusCode, how.startsWith('streams') ? '200' : undefined);
  });
}

for (const [how, errorType] of [
  ['fails before the headers: res.destroy(error)', 'TypeError'],
  ['fails before the headers: socket.destroy()', 'incomplete_response'],
  ['fails by its own timeout', 'incomplete_response'],
  ['fails after the headers: a stream', 'RangeError'],
  ['fails after the headers: the error of another connection', 'Error'],
  ['fails after the headers: res.destroy()', 'incomplete_response'],
  ['fails after the headers: throw', 'incomplete_response'],
] as const) {
  test(`the service ${how}: span and log don't blame the caller, and have a status only if it was sent`, async () => {
    const outcome = await outcomeOf(how);
    assert.deepEqual(
      outcome,
      how.includes('after the headers')
        ? { errorType, statusCode: '200', status: 200, msg: 'GET / 200 incomplete response' }
        : { errorType, statusCode: undefined, status: undefined, msg: 'GET / incomplete response' },
    );
  });
}

test('a complete response has no error', async () => {
  assert.deepEqual(await outcomeOf('is complete'), {
    errorType: undefined,
    statusCode: '200',
    status: 200,
    msg: 'GET / 200',
  });
});

for (const [call, errorType] of [
  ['fails after the headers: res.destroy()', 'incomplete_response'],
  ['is complete', undefined],
]) {
  test(`a call by node:http whose response ${call}: its CLIENT span says so`, async () => {
    const traceId = hex(32);
    const query = new URLSearchParams({ how: 'calls with node:http', call: `${call}` });
    await fetch(`${service.url}/?${query}`, { headers: b3(traceId) });
    const client = (await traceOf(viewer, traceId, 3)).find(({ kind }) => kind === 'CLIENT');
    const { 'error.type': type, error, 'http.response.status_code': statusCode } = client?.tags ?? {};
    assert.deepEqual([type, error, statusCode], [errorType, errorType, '200']);
  });
}
