/** Wrong usage exits 2 without asking any server, and a failure exits 1: every command, argument and option. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Command, Option } from 'commander';
import { createProgram } from '../../src/cli/program.ts';
import { runCli } from '../../src/cli/run-cli.ts';
import { memoryTerminal } from './memory-terminal.ts';

const directory = mkdtempSync(join(tmpdir(), 'nexus-usage-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const compose = join(directory, 'compose.yaml');
writeFileSync(compose, 'services: {front: {image: nginx}}');

/** Words that make each command's line complete, so that only what a test adds to it is wrong. */
const COMPLETE: Readonly<Record<string, string>> = {
  serve: '--data /nonexistent/nexus',
  agent: '--url http://127.0.0.1:1',
  'host list': '',
  'host show': 'web-1',
  'host containers': 'web-1',
  'host metrics': 'web-1',
  'host add': 'web-1',
  'host label': 'web-1 role=web',
  'host set': 'web-1 --offline-after 5m',
  'host archive': 'web-1',
  'token create': '--host web-1',
  'token list': '--admin',
  'token rotate': 'tok_1',
  'token revoke': 'tok_1',
  'release create': `--stack shop --version 1 --compose ${compose}`,
  'release list': '',
  'release show': 'shop@1',
  'release remove': 'shop@1',
  'release lift': 'shop@1 --reason x',
  'rollout create': 'shop@1 --host web-1',
  'rollout plan': 'shop@1 --host web-1',
  'rollout list': '',
  'rollout show': 'latest',
  'rollout watch': 'latest',
  'rollout explain': 'latest',
  'rollout events': 'latest',
  'rollout pause': 'latest',
  'rollout resume': 'latest',
  'rollout abort': 'latest',
  'rollout undo': 'shop',
  'rollout replay': 'latest',
  'stack list': '',
  'stack show': 'shop',
  'stack remove': 'shop --host web-1',
  'budget set': 'rack=a --max-in-flight 1',
  'budget list': '',
  'budget remove': 'rack=a',
  'event list': '',
  'log verify': '',
  'log checkpoint': '',
  backup: '/nonexistent/copy.db',
  export: '--format csv',
  completion: 'bash',
};

/** A value that each option refuses; null where any text is taken, because it is a name, a reason, a path or the like. */
const REFUSED_VALUES: Readonly<Record<string, string | null>> = {
  '--activation-timeout': 'soon',
  '--after': 'x',
  '--agent-rate-limit': 'many',
  '--checkpoint': '/nonexistent/checkpoint.txt',
  '--compose': '/nonexistent/compose.yaml',
  '--ca': '/nonexistent/ca.pem',
  '--confirm': 'soon',
  '--container': null,
  '--data': null,
  '--docker-host': 'tcp://127.0.0.1:2375',
  '--expires': '1s',
  '--failure-threshold': '-1',
  '--file': '/etc/passwd',
  '--format': 'xml',
  '--from': 'yesterday',
  '--host': 'Web_1',
  '--interval-seconds': 'often',
  '--keep-10m': 'long',
  '--keep-1h': 'long',
  '--keep-1m': 'long',
  '--keep-raw': 'long',
  '--label': 'role',
  '--limit': '0',
  '--listen': '8470',
  '--manifest': '/nonexistent/manifest.json',
  '--max-cpu-ratio': 'x3',
  '--max-in-flight': '0',
  '--max-memory-growth': 'much',
  '--max-restarts': 'some',
  '--max-unhealthy': 'briefly',
  '--min-cpu-percent': 'half',
  '--name': 'x'.repeat(81),
  '--observe': 'nothing',
  '--offline-after': '1s',
  '--on-drift': 'explode',
  '--on-failure': 'explode',
  '--on-lost-host': 'shrug',
  '--output': null,
  '--probe-exec': 'ready',
  '--probe-http': 'front',
  '--probe-tcp': 'db',
  '--public-url': 'nexus.example.com',
  '--pull-budget': 'long',
  '--reason': null,
  '--remote-write': 'ftp://127.0.0.1/x',
  '--scope': 'root',
  '--selector': 'role',
  '--soak': 'long',
  '--stack': 'Shop',
  '--state-dir': 'relative',
  '--step': '0s',
  '--sustained-failure': 'long',
  '--telemetry': 'maybe',
  '--tls': 'maybe',
  '--tls-cert': '/nonexistent/chain.pem',
  '--tls-key': '/nonexistent/key.pem',
  '--tls-name': 'not a name',
  '--to': 'tomorrow',
  '--token-file': '/nonexistent/token',
  '--url': 'ftp://127.0.0.1',
  '--version': '',
  '--waves': '1,many',
};

/** Where a host's name is looked up by the server: only it knows which there are. */
const LOOKED_UP = new Set(['token create --host', 'token list --host', 'rollout events --host', 'export --host']);

interface Leaf {
  readonly path: string;
  readonly command: Command;
}

function leavesOf(command: Command, path: readonly string[] = []): Leaf[] {
  if (command.commands.length === 0) return [{ path: path.join(' '), command }];
  return command.commands.flatMap((child) => leavesOf(child, [...path, child.name()]));
}

const leaves = leavesOf(createProgram(memoryTerminal()));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(words: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const terminal = memoryTerminal({ env: { NEXUS_DATA: '/nonexistent/nexus', NEXUS_ADMIN_TOKEN: 'nxo_x', ...env } });
  const code = await runCli(words, terminal);
  return { code, out: terminal.out(), err: terminal.err() };
}

function wordsOf(path: string): string[] {
  return `${path} ${COMPLETE[path] ?? ''}`.split(' ').filter(Boolean);
}

async function requireUsage(words: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const { code, out, err } = await run(words, env);
  assert.deepEqual([code, out], [2, ''], `nexus ${words.join(' ')}\n${err}`);
  assert.match(err, /^error: .{10,}/);
  assert.doesNotMatch(err, /undefined|\[object|nexus itself failed|Invalid input|Too (?:small|big)/);
}

describe('the tables below', () => {
  it('know every command', () => {
    assert.deepEqual(leaves.map(({ path }) => path).toSorted(), Object.keys(COMPLETE).toSorted());
  });
  it('know every option that takes a value', () => {
    const flags = leaves.flatMap(({ command }) => command.options.filter((option) => option.required));
    assert.deepEqual([...new Set(flags.map(({ long }) => long))].toSorted(), Object.keys(REFUSED_VALUES).toSorted());
  });
});

for (const { path, command } of leaves) {
  describe(`nexus ${path}`, () => {
    it('exits 2 for an unknown option', () => requireUsage([...wordsOf(path), '--no-such-option']));

    const required = command.registeredArguments.filter((argument) => argument.required);
    for (let given = 0; given < required.length; given += 1) {
      it(`exits 2 with ${given} of its ${required.length} arguments`, () =>
        requireUsage([...path.split(' '), ...required.slice(0, given).map(() => 'x')]));
    }
    if (!command.registeredArguments.some((argument) => argument.variadic)) {
      it('exits 2 for an argument too many', () =>
        requireUsage([...wordsOf(path), '--', ...command.registeredArguments.map(() => 'x'), 'x']));
    }
    for (const option of command.options.filter((one) => one.mandatory)) {
      it(`exits 2 without ${option.long}`, () =>
        requireUsage(wordsOf(path).filter((_, index, words) => !isOf(words, index, option))));
    }
    for (const option of command.options.filter((one) => one.required)) {
      it(`exits 2 for ${option.long} without a value`, () => requireUsage([...wordsOf(path), option.long ?? '']));
      const value = REFUSED_VALUES[option.long ?? ''] ?? null;
      if (value === null || LOOKED_UP.has(`${path} ${option.long}`)) continue;
      it(`exits 2 for ${option.long} '${value.slice(0, 20)}'`, () =>
        requireUsage(refusing(path, command, option, value)));
    }
    if (command.options.some((option) => option.long === '--json') && command.options.some(isUrl)) {
      it('exits 2 for --url without a token', () =>
        requireUsage([...wordsOf(path), '--url', 'http://127.0.0.1:1'], { NEXUS_ADMIN_TOKEN: '' }));
      it('exits 1 where no server runs, and says how to start one', async () => {
        const { code, out, err } = await run(wordsOf(path));
        assert.deepEqual([code, out], [1, ''], err);
        assert.match(err, /^error: nexus serve is not running .*'nexus serve --data \/nonexistent\/nexus'/);
      });
    }
  });
}

function isUrl(option: Option): boolean {
  return option.long === '--url';
}

/** Whether the word at `index` is the option or its value. */
function isOf(words: readonly string[], index: number, option: Option): boolean {
  return words[index] === option.long || words[index - 1] === option.long;
}

/** The complete line with a value that the option refuses, without the options that exclude it. */
function refusing(path: string, command: Command, option: Option, value: string): string[] {
  const excludes = command.options.filter(
    (other) => conflicts(other, option) || conflicts(option, other) || other === option,
  );
  const complete = wordsOf(path);
  const kept = complete.filter((_, index) => !excludes.some((other) => isOf(complete, index, other)));
  return [...kept, option.long ?? '', value];
}

function conflicts(option: Option, other: Option): boolean {
  // Commander keeps them where its types do not show them.
  const { conflictsWith } = option as Option & { readonly conflictsWith: readonly string[] };
  return conflictsWith.includes(other.attributeName());
}

describe('a setting of the environment that is wrong or missing exits 2', () => {
  const rows: Array<[line: string, env: Record<string, string>, said: RegExp]> = [
    ['serve --listen 127.0.0.1:0', { NEXUS_LOG_LEVEL: 'loud' }, /NEXUS_LOG_LEVEL is 'loud'/],
    ['agent', {}, /NEXUS_URL/],
    ['agent --url http://127.0.0.1:1', {}, /NEXUS_AGENT_TOKEN/],
    ['agent --url http://127.0.0.1:1', { NEXUS_AGENT_TOKEN: 'a b' }, /NEXUS_AGENT_TOKEN/],
    ['host list --url http://127.0.0.1:1', { NEXUS_ADMIN_TOKEN: 'two words' }, /NEXUS_ADMIN_TOKEN/],
    ['host list --url https://127.0.0.1:1', { NEXUS_ADMIN_TOKEN: 'nxo_x', NEXUS_CA: '/nonexistent' }, /NEXUS_CA/],
    ['host list --url http://10.0.0.1:1', { NEXUS_ADMIN_TOKEN: 'nxo_x' }, /could read your admin token.*--insecure/],
    ['host list --url http://nexus.test', { NEXUS_ADMIN_TOKEN: 'nxo_x' }, /could read your admin token/],
  ];
  for (const [line, env, said] of rows) {
    it(`nexus ${line} with ${JSON.stringify(env)}`, async () => {
      await requireUsage(line.split(' '), env);
      assert.match((await run(line.split(' '), env)).err, said);
    });
  }
});
