import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { importBusybox, runContainer, skipWithoutLab, startEngine } from '../../scripts/lab/engine.ts';
import { HUNG_AFTER_MS } from '../runtime/wait-until.ts';

const DEMO = path.resolve(import.meta.dirname, '../../scripts/demo/demo.ts');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npm run demo -- --exit` against this engine, with a temporary folder that must be empty again after. */
async function demoToItsEnd(t: TestContext, dockerHost: string): Promise<Ended> {
  const temporary = mkdtempSync(path.join(tmpdir(), 'demo-'));
  t.after(() => rmSync(temporary, { recursive: true, force: true }));
  const env = { ...process.env, DOCKER_HOST: dockerHost, TMPDIR: temporary, FORCE_COLOR: undefined };
  const ended = await new Promise<Ended>((resolve) => {
    const child = execFile(process.execPath, [DEMO, '--exit'], { env, timeout: HUNG_AFTER_MS }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
  assert.deepEqual(readdirSync(temporary), []);
  return ended;
}

const skip = await skipWithoutLab();

test('the demo shows this machine online with every container of its engine', { skip }, async (t) => {
  const engine = await startEngine();
  t.after(() => engine.stop());
  await importBusybox(engine);
  for (const name of ['shop-web', 'shop-db', 'shop-cache']) await runContainer(engine, { name });

  const { code, stdout, stderr } = await demoToItsEnd(t, engine.dockerHost);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^\S+ +online +\d[\d.]*% .* \d[\d.]* [MG]iB \/ /m);
  for (const name of ['shop-web', 'shop-db', 'shop-cache']) {
    assert.match(stdout, new RegExp(`^${name} .* running +\\d[\\d.]*% +\\d[\\d.]* [MG]iB `, 'm'));
  }
});

test('the demo without an engine says so and shows the host alone', async (t) => {
  const { code, stdout, stderr } = await demoToItsEnd(t, 'unix:///nonexistent/docker.sock');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /No Docker Engine answers at \/nonexistent\/docker.sock/);
  assert.match(stdout, /^\S+ +online +\d[\d.]*% /m);
});
