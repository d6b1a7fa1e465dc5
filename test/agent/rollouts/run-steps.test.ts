import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Activator, StepOutcome } from '../../../agent/rollouts/activator.ts';
import type { Trouble } from '../../../agent/rollouts/decide/classify-trouble.ts';
import { type StepAction, StepRunner } from '../../../agent/rollouts/run-steps.ts';
import { NexusError } from '../../../src/domain/errors.ts';
import { plan, V2 } from './sample.ts';

const PREPARE: StepAction = { do: 'prepare', release: V2, limitMs: 1_000 };
const PULL: StepAction = { do: 'pull', release: V2, onlyMissing: false, limitMs: 1_000 };
const CHECK: StepAction = { do: 'check', release: V2, limitMs: 1_000 };
const UP: StepAction = { do: 'up', release: V2, afresh: false, renew: false, except: [], limitMs: 1_000 };
const TAKEN: Trouble = { class: 'port', reason: 'port 80 is already allocated to container proxy' };

interface Host {
  readonly outcome?: StepOutcome;
  readonly obstacle?: Trouble;
  /** What every step throws. */
  readonly error?: unknown;
}

function activatorOf({ outcome = { exitCode: 0, output: '' }, obstacle, error }: Host): Activator {
  const end = async (): Promise<StepOutcome> => {
    if (error !== undefined) throw error;
    return outcome;
  };
  return {
    endOrphans: async () => {},
    containers: async () => [],
    prepare: () => end().then(() => plan()),
    pull: end,
    findObstacle: async () => obstacle ?? null,
    up: end,
    down: end,
    images: async () => [],
    exitCodes: async () => new Map(),
    readLog: async () => '',
    prune: async () => {},
  };
}

async function troubleOf(action: StepAction, host: Host): Promise<string> {
  const activator = activatorOf(host);
  const signal = new AbortController().signal;
  const result = await new StepRunner({ stack: 'shop', activator, signal, onUnauthorized: () => {} }).run(action);
  if (result.ok) return 'none, it is done';
  return result.trouble === null
    ? 'none, the release is at fault'
    : `${result.trouble.class}: ${result.trouble.reason}`;
}

const REFUSED = 'Error response from daemon: dial tcp 10.0.0.9:443: connect: connection refused';

const ROWS: readonly (readonly [name: string, action: StepAction, host: Host, trouble: string])[] = [
  ['all is well', UP, {}, 'none, it is done'],
  [
    'a pull that a registry has refused',
    PULL,
    { outcome: { exitCode: 18, output: REFUSED } },
    'registry: dial tcp 10.0.0.9:443: connect: connection refused',
  ],
  [
    'a pull that did not come to its own end',
    PULL,
    { outcome: { exitCode: -1, output: 'it was ended after 1800 s' } },
    'registry: it was ended after 1800 s',
  ],
  [
    'a tag that does not exist',
    PULL,
    { outcome: { exitCode: 18, output: 'manifest for shop/web:2 not found: manifest unknown' } },
    'none, the release is at fault',
  ],
  [
    'a Docker CLI that is gone',
    PULL,
    { outcome: { exitCode: 127, output: 'the program docker is not found' } },
    'compose: the program docker is not found',
  ],
  ['something is in the way', CHECK, { obstacle: TAKEN }, `port: ${TAKEN.reason}`],
  [
    'what the engine states counts before what Compose prints',
    UP,
    { outcome: { exitCode: 1, output: 'container shop-web-1 exited (1)' }, obstacle: TAKEN },
    `port: ${TAKEN.reason}`,
  ],
  [
    'otherwise what Compose prints counts',
    UP,
    { outcome: { exitCode: 1, output: 'network front declared as external, but could not be found' } },
    'network: network front declared as external, but could not be found',
  ],
  [
    'an up that took too long',
    UP,
    { outcome: { exitCode: -1, output: 'it was ended after 60 s' } },
    'none, the release is at fault',
  ],
  [
    'Compose does not accept the release',
    PREPARE,
    { error: new NexusError('invalid', 'services.web must be a mapping', { details: { exit_code: 15 } }) },
    'none, the release is at fault',
  ],
  [
    'whoever throws may know the class',
    PREPARE,
    { error: new NexusError('invalid', 'Docker Compose 2.17 or later is needed', { details: { trouble: 'compose' } }) },
    'compose: Docker Compose 2.17 or later is needed',
  ],
  [
    'the server cannot be asked for the release',
    PREPARE,
    { error: new NexusError('unreachable', 'the server cannot be asked') },
    'network: the server cannot be asked',
  ],
  [
    'the engine does not answer',
    UP,
    { error: new NexusError('unreachable', 'no engine', { details: { failure: 'absent' } }) },
    'engine: no engine',
  ],
  [
    'the disk is full',
    PREPARE,
    { error: Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }) },
    'disk: ENOSPC: no space left on device, write',
  ],
  [
    'a token that is refused is nobody’s trouble here',
    PREPARE,
    { error: new NexusError('unauthorized', 'the server answers 401') },
    'none, the release is at fault',
  ],
];

for (const [name, action, host, trouble] of ROWS) {
  test(`the trouble behind a step: ${name}`, async () => {
    assert.equal(await troubleOf(action, host), trouble);
  });
}
