import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  configCommand,
  downCommand,
  pullCommand,
  upCommand,
  versionCommand,
} from '../../../../agent/rollouts/compose/command.ts';
import { composeEnvironment } from '../../../../agent/rollouts/compose/environment.ts';

const FILES = { stack: 'shop', directory: '/state/p', composeFiles: ['/state/resolved.json'] };
const PROJECT =
  'compose --ansi never --project-name shop --project-directory /state/p --file /state/resolved.json'.split(' ');

test('the whole command lines', () => {
  assert.deepEqual(versionCommand(), ['compose', 'version', '--short']);
  assert.deepEqual(configCommand(FILES), [...PROJECT, 'config', '--format', 'json']);
  assert.deepEqual(pullCommand(FILES, ['api', 'web']), [...PROJECT, 'pull', '--quiet', 'api', 'web']);
  assert.deepEqual(upCommand(FILES, 42, []), [
    ...PROJECT,
    ...'up --detach --no-build --pull never --remove-orphans --wait --wait-timeout 42'.split(' '),
  ]);
  assert.deepEqual(downCommand('shop'), 'compose --ansi never --project-name shop down --remove-orphans'.split(' '));
});

test('a command gets what a Docker CLI needs, and nothing of the agent’s', () => {
  const env = {
    PATH: '/opt/docker/bin',
    HOME: '/root',
    HTTPS_PROXY: 'http://proxy:3128',
    NEXUS_AGENT_TOKEN: 'nxa_secret',
    NEXUS_URL: 'https://nexus',
    DOCKER_HOST: 'tcp://elsewhere:2375',
    DOCKER_CONTEXT: 'elsewhere',
    COMPOSE_FILE: 'other.yaml',
  };
  assert.deepEqual(composeEnvironment(env, '/run/docker.sock', '/state'), {
    PATH: '/opt/docker/bin',
    HOME: '/root',
    HTTPS_PROXY: 'http://proxy:3128',
    DOCKER_HOST: 'unix:///run/docker.sock',
    NEXUS_AGENT_CHILD_OF: '/state',
  });
  assert.equal(
    composeEnvironment({}, '/s', '/d')['PATH'],
    '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  );
});
