import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.ts';
import { runCli } from '../../src/cli/run-cli.ts';
import { memoryTerminal } from './memory-terminal.ts';

function everyCommand(command: Command, path: readonly string[] = []): Array<[string, Command]> {
  const children = command.commands.flatMap((child) => everyCommand(child, [...path, child.name()]));
  return [[path.join(' '), command], ...children];
}

describe('every command', () => {
  for (const [path, command] of everyCommand(createProgram(memoryTerminal()))) {
    const name = `nexus ${path}`.trim();
    it(`${name} --help has examples that fit it`, async () => {
      const terminal = memoryTerminal();
      assert.equal(await runCli([...path.split(' '), '--help'].filter(Boolean), terminal), 0);
      const [, examples] = terminal.out().split('\nExamples:\n');
      assert.ok(examples?.includes(name), `no example of '${name}' in:\n${terminal.out()}`);
      assert.equal(terminal.err(), '');
    });
    it(`${name} says what it and its options are for, and defaults in one way`, () => {
      assert.notEqual(command.description(), '');
      for (const { flags, description } of command.options) {
        assert.notEqual(description, '', flags);
        assert.doesNotMatch(description, /when not given|default|\(env|\([A-Z_]+\)/, flags);
      }
    });
  }

  const OPERATORS = /^(?:host|token|release|rollout|event) /;
  for (const [path, command] of everyCommand(createProgram(memoryTerminal()))) {
    if (!OPERATORS.test(path)) continue;
    it(`nexus ${path} takes --data, --url and --json`, () => {
      const names = command.options.map((option) => option.long);
      for (const wanted of ['--data', '--url', '--json']) assert.ok(names.includes(wanted), wanted);
    });
  }
});

describe('wrong usage exits 2 and says what is meant', () => {
  const rows: Array<[string, RegExp]> = [
    ['hots list', /unknown command 'hots'[\s\S]*Did you mean host\?/],
    ['host lits', /unknown command 'lits'[\s\S]*Did you mean/],
    ['host list --jsn', /unknown option '--jsn'[\s\S]*Did you mean --json\?/],
    ['host show', /missing required argument 'name'/],
    ['host list extra', /too many arguments/],
    ['host list --data a --url http://b', /cannot be used with/],
    ['host list --url http://127.0.0.1:1', /NEXUS_ADMIN_TOKEN/],
    ['host add Web_1', /RFC 1123[\s\S]*Did you mean 'web-1'\?/],
    ['host add web-1 --label role', /KEY=VALUE/],
    ['host label web-1 role', /KEY-/],
    ['host metrics web-1 --from yesterday', /--from is 'yesterday'/],
    ['token create', /--host NAME.*--admin/],
    ['token create --host a --admin', /cannot be used with/],
    ['token create --admin --expires soon', /--expires is 'soon'/],
    ['release create --stack shop', /--version is missing: a release needs --stack NAME and --version VERSION/],
    ['release create --manifest a --soak 5m', /cannot be used with/],
    ['release create --manifest a --on-drift heal', /cannot be used with/],
    ['release create --on-failure explode', /Allowed choices are halt, rollback-and-halt/],
    ['release lift shop@1', /required option '--reason <text>'/],
    ['release show shop', /STACK@VERSION/],
    ['rollout create shop@1', /--selector KEY=VALUE.*--host NAME/],
    ['rollout create shop@1 --host a --selector b=c', /cannot be used with/],
    [
      'rollout create shop@1 --host a --waves 1,many',
      /'many' is neither a number of hosts, nor a percentage, nor a label/,
    ],
    ['rollout plan --host a', /missing required argument 'release'/],
    ['rollout pause', /missing required argument 'id'/],
    ['event list --after x', /--after is 'x'/],
    ['serve --listen 8470', /not HOST:PORT/],
    ['serve --public-url https://user@nexus.test', /not the address of a server/],
    ['serve --public-url https://nexus.test/?x=1', /not the address of a server/],
    ['serve --tls-cert chain.pem', /belong together/],
    ['serve --tls own --tls-cert chain.pem --tls-key key.pem', /cannot be used with/],
    ['serve --tls off --tls-name nexus.test', /--tls-name is for a certificate from the CA of the server/],
    ['serve --tls own --tls-name a_b', /'a_b', which is neither a host name nor an IP address/],
    ['token create --host web-1 --scope read', /--scope is for admin tokens/],
    ['host list --ca ca.pem', /--ca and --insecure are for a server at --url/],
    ['serve --agent-rate-limit -1', /--agent-rate-limit is '-1'/],
    ['completion tcsh', /bash, zsh, fish/],
    ['host', /Usage: nexus host/],
    ['', /Usage: nexus/],
  ];
  for (const [line, expected] of rows) {
    it(`nexus ${line}`, async () => {
      const terminal = memoryTerminal({ env: { NEXUS_DATA: '/nonexistent' } });
      assert.equal(await runCli(line.split(' ').filter(Boolean), terminal), 2);
      assert.match(terminal.err(), expected);
      assert.equal(terminal.out(), '');
    });
  }
});

describe('an option after a command', () => {
  it('is that of the command, also where the program has one of that name', async () => {
    const terminal = memoryTerminal({ env: { NEXUS_DATA: '/nonexistent' } });
    assert.equal(await runCli(['release', 'create', '--version', '1.4'], terminal), 2);
    assert.match(terminal.err(), /--stack is missing/);
    assert.equal(await runCli(['host', 'list', '--version'], terminal), 2);
  });
});

describe('nexus --version', () => {
  it('prints the version and nothing else', async () => {
    const terminal = memoryTerminal();
    assert.equal(await runCli(['--version'], terminal), 0);
    assert.match(terminal.out(), /^\d+\.\d+\.\d+\S*\n$/);
    assert.equal(terminal.err(), '');
  });
});
