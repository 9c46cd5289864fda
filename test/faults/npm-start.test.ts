// `npm start` has the ports that the README names, so these tests need them free.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { notes, open, portsInUse, preload, ready, type Started, start } from '../support/launcher.ts';
import { unlessItHangs, until } from '../support/wait.ts';

/** GET /spins or /sleeps makes a service hang, once it has printed the path. It spins for 5 minutes at most. */
const hangOnRequest = preload(`
  import { subscribe } from 'node:diagnostics_channel';
  subscribe('http.server.request.start', ({ request: { url } }) => {
    if (!['/spins', '/sleeps'].includes(url)) return;
    process._rawDebug(url);
    if (url === '/sleeps') process.kill(process.pid, 'SIGSTOP');
    for (const end = Date.now() + 300_000; Date.now() < end; );
  });`);
const hang = async (started: Started, port: number, path: '/spins' | '/sleeps') => {
  const response = fetch(`http://localhost:${port}${path}`).catch(() => 'none: the service has ended');
  await until(path, () => started.text.stdout.includes(`| ${path}\n`));
  return { response };
};

suite('npm start', { skip: await portsInUse() }, () => {
  test('Ctrl-C while a service spins and another one is suspended: both are killed, and the log says so', async () => {
    await using started = start(hangOnRequest);
    await ready(started);
    await hang(started, 5002, '/spins');
    await hang(started, 5003, '/sleeps');
    started.signalGroup('SIGINT');
    assert.equal(await unlessItHangs(started.exit), 0);
    assert.deepEqual(notes(started).slice(-2), [
      'service2 did not stop within 10 s, and was killed',
      'service3 did not stop within 10 s, and was killed',
    ]);
    assert.deepEqual(await open(), []);
  });

  test('a launcher that is killed takes a service that spins with it', async () => {
    await using started = start(hangOnRequest);
    await ready(started);
    const { response } = await hang(started, 5002, '/spins');
    started.signalGroup('SIGKILL');
    assert.equal(await unlessItHangs(response), 'none: the service has ended');
    await until('all ports to be free', async () => (await open()).length === 0);
  });
});
