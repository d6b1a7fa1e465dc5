import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as z from 'zod';
import { importBusybox, runContainer, skipWithoutLab, startEngine } from '../../scripts/lab/engine.ts';

const skip = await skipWithoutLab();

test('a lab engine runs containers, survives a crash of its daemon, and leaves nothing behind', { skip }, async () => {
  const engine = await startEngine();
  try {
    await importBusybox(engine);
    await Promise.all(['one', 'two', 'three'].map((name) => runContainer(engine, { name, labels: { name } })));
    assert.deepEqual(await runningNames(), ['/one', '/three', '/two']);

    await engine.kill();
    await engine.restart();
    assert.deepEqual(await runningNames(), []);

    const { stdout } = await engine.docker(['compose', 'version', '--short']);
    assert.match(stdout, /^v?2\./);
    await runContainer(engine, { name: 'four' });
  } finally {
    await engine.stop();
  }
  assert.equal(existsSync(engine.dir), false);
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8').includes(engine.dir), false);
  assert.equal(readdirSync('/run/netns').includes(engine.namespace), false);
  assert.throws(() => process.kill(engine.pid, 0), { code: 'ESRCH' });

  async function runningNames(): Promise<(string | undefined)[]> {
    const { body } = await engine.call({ path: '/containers/json' });
    const containers = z.array(z.object({ Names: z.array(z.string()) })).parse(body);
    return containers.map(({ Names: [name] }) => name).sort();
  }
});
