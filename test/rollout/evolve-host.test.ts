import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentEvent, RolloutHost, ServiceEvidence } from '../../src/domain/rollout.ts';
import { evolveHost } from '../../src/rollout/evolve-host.ts';
import { EVENTS, EVIDENCE, NOON_MS, samplePlan, sampleRollout } from './sample-rollout.ts';

function after(state: RolloutHost['state'], event: AgentEvent, changes: Partial<RolloutHost> = {}): RolloutHost {
  const host = sampleRollout({ 'web-1': state }).host('web-1');
  assert.ok(host !== undefined);
  return evolveHost({ ...host, ...changes }, { seq: 90, bodyDigest: '', event }, samplePlan(), NOON_MS);
}

test('what a failing service printed last stands before the reason, which is the last line', () => {
  const event = {
    ...EVENTS.activation_failed,
    stderrTail: 'container shop-web-1 has exited with code 137',
    evidence: EVIDENCE,
  };
  assert.equal(
    after('activating', event).failure?.output,
    [
      "service 'web' ended with code 137 because it was out of memory, and printed last:",
      '  allocating',
      'container shop-web-1 has exited with code 137',
    ].join('\n'),
  );
});

test('however much services have printed, each keeps its last lines, and the reason is kept', () => {
  const chatty = (service: string): ServiceEvidence => ({
    service,
    exitCode: 1,
    oomKilled: false,
    logTail: `${'x'.repeat(4_000)}\nlast of ${service}\n`,
  });
  const evidence = [chatty('api'), chatty('web')];
  const output = after('activating', { ...EVENTS.activation_failed, stderrTail: 'the reason', evidence }).failure
    ?.output;
  assert.ok(output !== undefined && output.length < 4_500);
  assert.match(output, /last of api\n(?:.*\n)+ {2}last of web\nthe reason$/);
});

test('a host that was put off and goes on waits for nothing any more', () => {
  const deferral = { class: 'queue', reason: 'waiting for the stack blog', atMs: NOON_MS } as const;
  assert.equal(after('deferred', EVENTS.activation_started, { deferral }).deferral, null);
});

test('what is as unwell as before is remembered of a host that went back', () => {
  const event = { ...EVENTS.rollback_completed, exitCode: 1, outputTail: 'container shop-db-1 is unhealthy' };
  assert.deepEqual(after('failed', event).rollbackFailure, {
    exitCode: 1,
    output: 'container shop-db-1 is unhealthy',
    atMs: NOON_MS,
  });
  assert.equal(after('failed', EVENTS.rollback_completed).rollbackFailure, null);
});
