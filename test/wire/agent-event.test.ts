/** What agents may report beside what every one of them does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentEvent } from '../../src/domain/rollout.ts';
import { agentEventSchema, readEvent } from '../../src/wire/agent-event.ts';
import { parseWith } from '../../src/wire/problem.ts';
import { eventOf } from '../http/rollout-fleet.ts';

const RELEASE = `sha256:${'a'.repeat(64)}`;

function read(event: object): AgentEvent | readonly (readonly [path: string, message: string])[] {
  const body = { hostname: 'web-1', rollout_id: 'ro_1', event: { seq: 1, ...event } };
  const parsed = parseWith(agentEventSchema, body);
  if (!parsed.ok) return parsed.errors.map(({ path, message }) => [path, message] as const);
  return readEvent(parsed.value.event);
}

const SERVICE = { service: 'web', exit_code: 137, oom_killed: true, log_tail: 'killed' };
const IMAGE = { service: 'web', reference: 'nginx:1', image_id: RELEASE, repo_digest: null };

for (const { given, event, expected } of [
  {
    given: 'an acknowledgement with the highest epoch',
    event: { ...eventOf('dispatch_ack', RELEASE), agent_epoch: 7 },
    expected: { agentEpoch: 7 },
  },
  {
    given: 'a refusal',
    event: eventOf('dispatch_refused', RELEASE),
    expected: { type: 'dispatch_refused', reason: 'epoch', agentEpoch: 7 },
  },
  {
    given: 'images',
    event: { ...eventOf('activation_completed', RELEASE), images: [IMAGE] },
    expected: { images: [{ service: 'web', reference: 'nginx:1', imageId: RELEASE, repoDigest: null }] },
  },
  {
    given: 'trouble of the host',
    event: { ...eventOf('activation_failed', RELEASE), trouble: 'disk', evidence: [SERVICE] },
    expected: {
      trouble: 'disk',
      evidence: [{ service: 'web', exitCode: 137, oomKilled: true, logTail: 'killed' }],
    },
  },
  {
    given: 'a rollback that fails',
    event: eventOf('rollback_failed', RELEASE),
    expected: { type: 'rollback_failed', exitCode: 1, outputTail: 'no such image' },
  },
]) {
  test(`${given} is read`, () => assert.partialDeepStrictEqual(read(event), expected));
}

for (const type of ['dispatch_ack', 'activation_completed', 'activation_failed', 'failed'] as const) {
  test(`${type} of an older agent says nothing more than it always has`, () => {
    const more = ['agentEpoch', 'images', 'trouble', 'evidence'];
    const event = { ...eventOf(type, RELEASE), agent_epoch: null, images: null, trouble: null, evidence: null };
    assert.deepEqual(
      Object.keys(read(event)).filter((name) => more.includes(name)),
      [],
    );
  });
}

for (const { given, event, path } of [
  {
    given: 'trouble of no class',
    event: { ...eventOf('activation_failed', RELEASE), trouble: 'rain' },
    path: 'event.trouble',
  },
  {
    given: 'more than 8 KiB of log lines together',
    event: {
      ...eventOf('failed', RELEASE),
      evidence: [1, 2].map((number) => ({ ...SERVICE, service: `s${number}`, log_tail: 'x'.repeat(4_097) })),
    },
    path: 'event.evidence',
  },
  {
    given: 'an image without a digest',
    event: { ...eventOf('activation_completed', RELEASE), images: [{ ...IMAGE, image_id: 'nginx' }] },
    path: 'event.images.0.image_id',
  },
]) {
  test(`${given} is refused at ${path}`, () => {
    const errors = read(event);
    assert.deepEqual(Array.isArray(errors) ? errors.map(([at]) => at) : errors, [path]);
  });
}
