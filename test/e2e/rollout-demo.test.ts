import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { skipWithoutLab } from '../../scripts/lab/engine.ts';
import { HUNG_AFTER_MS } from '../runtime/wait-until.ts';

/** It tells three stories, two of them with soaks that nothing can hurry. */
const DEMO_HUNG_AFTER_MS = 3 * HUNG_AFTER_MS;
const DEMO = path.resolve(import.meta.dirname, '../../scripts/demo/rollout-demo.ts');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npm run demo:rollout`, with a temporary folder that must be empty again after. */
async function demoToItsEnd(t: TestContext, ...nodeFlags: readonly string[]): Promise<Ended> {
  const temporary = mkdtempSync(path.join(tmpdir(), 'demo-'));
  t.after(() => rmSync(temporary, { recursive: true, force: true }));
  const env = { ...process.env, TMPDIR: temporary, FORCE_COLOR: undefined };
  const ended = await new Promise<Ended>((resolve) => {
    const child = execFile(
      process.execPath,
      [...nodeFlags, DEMO],
      { env, timeout: DEMO_HUNG_AFTER_MS },
      (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
  assert.deepEqual(readdirSync(temporary), []);
  return ended;
}

const skip = await skipWithoutLab();

test('the demo of rollouts catches two bad releases at their canary and undoes them', { skip }, async (t) => {
  const { code, stdout, stderr } = await demoToItsEnd(t);
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  for (const line of [
    /^\$ nexus rollout create shop@2 --selector role=web --waves 1,100% --watch$/m,
    /^\S+ +web-1 +failed: probe 'health:web' failing for 5 s$/m,
    /^\S+ +web-1 +rolled back to shop 1 \([0-9a-f]{12}\)$/m,
    /^web-1 failed on shop 2 \([0-9a-f]{12}\) because probe 'health:web' failed \(.*404 Not Found\), and was rolled back to shop 1 /m,
    /^web-1 failed on shop 3 \([0-9a-f]{12}\) because its telemetry regressed \(memory grows by \d+(?:\.\d+)? MiB\/min.*\), and was rolled back to shop 1 /m,
    /^shop +2 +[0-9a-f]{12} +quarantined /m,
    /^shop +3 +[0-9a-f]{12} +quarantined /m,
    /^✓ every engine runs shop 1 and nothing else/m,
  ]) {
    assert.match(stdout, line);
  }
  assert.doesNotMatch(stdout, /^✗/m);
});

test('the demo of rollouts says what is missing where it cannot be played', { skip }, async (t) => {
  const noRoot = 'data:text/javascript,process.geteuid = () => 1000';
  const { code, stdout, stderr } = await demoToItsEnd(t, '--import', noRoot);
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(
    stderr,
    /^demo: the Docker lab needs root .* run it as root on Linux; 'npm run demo' runs anywhere\.\n$/,
  );
});
