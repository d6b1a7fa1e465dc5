import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProjectContainer } from '../../../../agent/docker/project-container.ts';
import { findStopped } from '../../../../agent/rollouts/decide/find-stopped.ts';
import { container } from '../sample.ts';

const SERVICES = [
  { name: 'web', isJob: false },
  { name: 'worker', isJob: false, replicas: 2 },
  { name: 'idle', isJob: false, replicas: 0 },
  { name: 'migrate', isJob: true },
];
const web = (state: ProjectContainer['state'] = 'running') => container({ service: 'web', state });
const worker = (state: ProjectContainer['state'] = 'running') => container({ service: 'worker', state });

for (const [what, containers, stopped] of [
  ['all of it', [web(), worker(), worker()], []],
  [
    'a job that has failed',
    [web(), worker(), worker(), container({ service: 'migrate', state: 'exited', exitCode: 1 })],
    [],
  ],
  ['one stopped', [web('exited'), worker(), worker()], ['web']],
  ['one of two stopped', [web(), worker(), worker('exited')], ['worker']],
  ['one that was made and never ran', [web('created'), worker(), worker()], ['web']],
  ['one that is being removed', [web('removing'), worker(), worker()], ['web']],
  ['one that restarts, and one that somebody paused', [web('restarting'), worker(), worker('paused')], []],
  ['nothing at all', [], ['web', 'worker']],
  ['a shell beside it', [web('exited'), worker(), worker(), container({ service: 'web', isOneOff: true })], ['web']],
  ['a container that Nexus has not deployed', [container({ release: null })], null],
] as const) {
  test(`of a release there is: ${what}`, () => {
    assert.deepEqual(findStopped(containers, { services: SERVICES }), stopped);
  });
}
