import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runAgent } from '../../agent/run-agent.ts';
import { currentCommand, renderSystemdUnit } from '../../agent/systemd-unit.ts';
import { HandDrivenRuntime } from '../domain/hand-driven-runtime.ts';
import { RecordingLog } from '../domain/recording-log.ts';
import { skipWithoutTool } from '../optional-tool.ts';

const COMMAND_ROWS: [readonly string[], string][] = [
  [['/usr/local/bin/nexus'], 'ExecStart=/usr/local/bin/nexus agent'],
  [['/opt/node/bin/node', '/srv/nexus/bin/nexus.ts'], 'ExecStart=/opt/node/bin/node /srv/nexus/bin/nexus.ts agent'],
  [['/opt/my tools/nexus'], 'ExecStart="/opt/my tools/nexus" agent'],
  [['/opt/100%/$x/nexus'], 'ExecStart=/opt/100%%/$$x/nexus agent'],
];
for (const [command, line] of COMMAND_ROWS) {
  test(`the unit starts ${command.join(' ')}`, () => {
    assert.ok(renderSystemdUnit(command).split('\n').includes(line));
  });
}

test('a program below /home may be executed from there', () => {
  assert.match(renderSystemdUnit(['/home/ops/nexus']), /^ProtectHome=read-only$/m);
  assert.match(renderSystemdUnit(['/usr/bin/nexus']), /^ProtectHome=yes$/m);
});

test('nothing is restarted that cannot mend itself, and JIT compilation stays allowed', () => {
  const unit = renderSystemdUnit(['/usr/bin/nexus']);
  assert.match(unit, /^RestartPreventExitStatus=2 3$/m);
  assert.doesNotMatch(unit, /^MemoryDenyWriteExecute=/m);
});

test('printing the unit prints this program’s own, and nothing else', async () => {
  let printed = '';
  const code = await runAgent(
    { action: 'print-systemd-unit' },
    {
      log: new RecordingLog(),
      runtime: new HandDrivenRuntime(),
      signal: new AbortController().signal,
      stdout: { write: (text: string) => (printed += text) },
    },
  );
  assert.equal(code, 0);
  assert.equal(printed, renderSystemdUnit(currentCommand(process.execPath, process.argv[1])));
});

const skip = skipWithoutTool('systemd-analyze');

test('systemd accepts the unit without a word', { skip }, (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'unit-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'nexus-agent.service');
  writeFileSync(path, renderSystemdUnit([process.execPath, '/usr/local/bin/nexus']));
  const env = { PATH: process.env['PATH'], SYSTEMD_LOG_LEVEL: 'warning' };
  const result = spawnSync('systemd-analyze', ['verify', '--man=no', path], { encoding: 'utf8', env });
  const about = result.stderr.split('\n').filter((line) => line.includes('nexus-agent'));
  assert.deepEqual(about, []);
  assert.equal(result.status, 0, result.stderr);
});

test('systemd rates the unit as well protected', { skip }, (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'unit-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'nexus-agent.service');
  writeFileSync(path, renderSystemdUnit(['/bin/true']));
  // Exits other than 0 when the exposure is above the threshold, in tenths.
  execFileSync('systemd-analyze', ['security', '--offline=true', '--threshold=20', path], { stdio: 'ignore' });
});
