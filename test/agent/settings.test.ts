import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type AgentFlags, type Environment, type RunSettings, resolveAgentSettings } from '../../agent/settings.ts';
import { NexusError } from '../../src/domain/errors.ts';
import { issueAuthority } from '../../src/pki/authority.ts';
import { makeP256Key, privateKeyPem } from '../../src/pki/private-key.ts';
import { systemRuntime } from '../../src/runtime/system-runtime.ts';

const TOKEN = 'nxa_0123456789abcdef';
const ENV: Environment = { NEXUS_URL: 'https://nexus.example.com', NEXUS_AGENT_TOKEN: TOKEN };

function resolve(flags: AgentFlags, env: Environment, isRoot = true): RunSettings {
  const settings = resolveAgentSettings(flags, env, isRoot);
  assert.notEqual(settings.action, 'print-systemd-unit');
  return settings as RunSettings;
}

test('an address and a token are enough', () => {
  const { url, ...rest } = resolve({}, ENV);
  assert.equal(url.href, 'https://nexus.example.com/');
  assert.deepEqual(rest, {
    action: 'run',
    token: TOKEN,
    authorityPem: null,
    intervalMs: 30_000,
    dockerSocketPath: '/var/run/docker.sock',
    stateDir: '/var/lib/nexus-agent',
    hostRoot: '/',
    rollouts: false,
  });
});

test('every setting by variable', () => {
  const { url, ...rest } = resolve(
    {},
    {
      NEXUS_URL: 'http://10.0.0.1:8470/nexus/',
      NEXUS_AGENT_TOKEN: ` ${TOKEN}\n`,
      NEXUS_AGENT_INTERVAL_SECONDS: '5',
      NEXUS_AGENT_DOCKER_HOST: 'unix:///run/user/1000/docker.sock',
      NEXUS_AGENT_STATE_DIR: '/srv/agent',
      NEXUS_AGENT_HOST_ROOT: '/host',
      NEXUS_AGENT_ROLLOUTS: '1',
    },
  );
  assert.equal(url.href, 'http://10.0.0.1:8470/nexus/');
  assert.deepEqual(rest, {
    action: 'run',
    token: TOKEN,
    authorityPem: null,
    intervalMs: 5_000,
    dockerSocketPath: '/run/user/1000/docker.sock',
    stateDir: '/srv/agent',
    hostRoot: '/host',
    rollouts: true,
  });
});

test('flags come before variables, and the token from a file before the token itself', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'token-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, 'nxa_fromfile12345\n');
  const flags = {
    url: 'https://other.example.com',
    tokenFile,
    intervalSeconds: '3600',
    dockerHost: '/run/docker.sock',
    stateDir: '/tmp/agent',
    once: true,
  };
  const env = { ...ENV, NEXUS_AGENT_INTERVAL_SECONDS: '5', NEXUS_AGENT_STATE_DIR: '/srv/agent' };
  const { url, ...rest } = resolve(flags, env);
  assert.equal(url.host, 'other.example.com');
  assert.deepEqual(rest, {
    action: 'once',
    token: 'nxa_fromfile12345',
    authorityPem: null,
    intervalMs: 3_600_000,
    dockerSocketPath: '/run/docker.sock',
    stateDir: '/tmp/agent',
    hostRoot: '/',
    rollouts: false,
  });
  assert.equal(resolve({}, { NEXUS_URL: 'https://x', NEXUS_AGENT_TOKEN_FILE: tokenFile }).token, 'nxa_fromfile12345');
});

test('systemd hands over the token as a credential and chooses the state directory', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'credentials-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'nexus-agent-token'), 'nxa_credential1\n');
  const env = {
    NEXUS_URL: 'https://nexus.example.com',
    CREDENTIALS_DIRECTORY: directory,
    STATE_DIRECTORY: '/var/lib/nexus-agent',
  };
  const settings = resolve({}, env, false);
  assert.equal(settings.token, 'nxa_credential1');
  assert.equal(settings.stateDir, '/var/lib/nexus-agent');
});

const STATE_ROWS: [string, Environment, boolean, string][] = [
  ['root', { HOME: '/root' }, true, '/var/lib/nexus-agent'],
  ['a user', { HOME: '/home/ops' }, false, '/home/ops/.local/state/nexus-agent'],
  ['a user with XDG_STATE_HOME', { HOME: '/home/ops', XDG_STATE_HOME: '/state' }, false, '/state/nexus-agent'],
  [
    'a user with a relative XDG_STATE_HOME, which counts for nothing',
    { HOME: '/h', XDG_STATE_HOME: 'state' },
    false,
    '/h/.local/state/nexus-agent',
  ],
];
for (const [who, env, isRoot, stateDir] of STATE_ROWS) {
  test(`the state directory of ${who}`, () => assert.equal(resolve({}, { ...ENV, ...env }, isRoot).stateDir, stateDir));
}

test('a user without $HOME still has a state directory', () => {
  assert.match(resolve({}, ENV, false).stateDir, /^\/.*nexus-agent/);
});

const WRONG: [string, AgentFlags, Environment, RegExp][] = [
  ['no address', {}, { NEXUS_AGENT_TOKEN: TOKEN }, /NEXUS_URL \(or --url\) is missing/],
  ['an empty address', { url: '' }, ENV, /NEXUS_URL \(or --url\) is missing/],
  ['no URL', {}, { ...ENV, NEXUS_URL: 'nexus.example.com' }, /not an http:\/\/ or https:\/\/ address/],
  ['another scheme', {}, { ...ENV, NEXUS_URL: 'ftp://nexus.example.com' }, /not an http:\/\/ or https:\/\/ address/],
  ['a password in the address', {}, { ...ENV, NEXUS_URL: 'https://me:hunter2@x.com' }, /holds a user name or password/],
  ['a query in the address', {}, { ...ENV, NEXUS_URL: 'https://x.com/?a=1' }, /query or fragment/],
  ['no token', {}, { NEXUS_URL: 'https://x.com' }, /NEXUS_AGENT_TOKEN is missing.*nexus token create --host NAME/],
  ['an empty token', {}, { ...ENV, NEXUS_AGENT_TOKEN: '  ' }, /NEXUS_AGENT_TOKEN is missing/],
  [
    'a pasted sentence',
    {},
    { ...ENV, NEXUS_AGENT_TOKEN: 'the token is hunter2' },
    /NEXUS_AGENT_TOKEN does not hold a valid token/,
  ],
  [
    'no token file',
    { tokenFile: '/nonexistent/token' },
    ENV,
    /token file \/nonexistent\/token \(--token-file\) cannot be read: ENOENT/,
  ],
  ['no interval', {}, { ...ENV, NEXUS_AGENT_INTERVAL_SECONDS: '0' }, /whole number from 1 to 3600, not "0"/],
  ['an interval over an hour', { intervalSeconds: '3601' }, ENV, /whole number from 1 to 3600/],
  ['half a second', { intervalSeconds: '0.5' }, ENV, /whole number from 1 to 3600/],
  ['an interval with a unit', { intervalSeconds: '30s' }, ENV, /whole number from 1 to 3600/],
  ['an engine over TCP', { dockerHost: 'tcp://10.0.0.1:2375' }, ENV, /must be unix:\/\/\/path/],
  ['a relative socket', { dockerHost: 'unix://docker.sock' }, ENV, /must be unix:\/\/\/path/],
  ['a relative state directory', { stateDir: 'state' }, ENV, /must be an absolute path, not "state"/],
  [
    'a relative host root',
    {},
    { ...ENV, NEXUS_AGENT_HOST_ROOT: 'host' },
    /NEXUS_AGENT_HOST_ROOT must be an absolute path/,
  ],
];
for (const [what, flags, env, message] of WRONG) {
  test(`wrong usage: ${what}`, () => {
    assert.throws(
      () => resolveAgentSettings(flags, env, true),
      (error) => {
        assert.ok(error instanceof NexusError);
        assert.equal(error.code, 'usage');
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      },
    );
  });
}

test('printing the unit needs no setting', () => {
  assert.deepEqual(resolveAgentSettings({ printSystemdUnit: true }, {}), { action: 'print-systemd-unit' });
});

test('a CA is read from its file, and is refused where it cannot be used', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'authority-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const ca = join(directory, 'ca.pem');
  const keyPem = privateKeyPem(makeP256Key(systemRuntime));
  const pem = issueAuthority(keyPem, systemRuntime);
  writeFileSync(ca, pem);
  assert.equal(resolve({}, { ...ENV, NEXUS_CA: ca }).authorityPem, pem);
  assert.equal(resolve({ ca }, { ...ENV, NEXUS_CA: '/nonexistent' }).authorityPem, pem);
  const refusals: Array<[flags: AgentFlags, env: Environment, said: RegExp]> = [
    [{ ca }, { ...ENV, NEXUS_URL: 'http://10.0.0.1:8470' }, /names a CA, but the address is http:\/\/10\.0\.0\.1:8470/],
    [{ ca: '/nonexistent' }, ENV, /is \/nonexistent, which is not a readable certificate in PEM/],
    [{ ca: join(directory, 'empty.pem') }, ENV, /empty\.pem, which is not a readable certificate in PEM/],
  ];
  writeFileSync(join(directory, 'empty.pem'), '');
  for (const [flags, env, said] of refusals) {
    assert.throws(
      () => resolve(flags, env),
      (error) => error instanceof NexusError && error.code === 'usage' && said.test(error.message),
    );
  }
});
