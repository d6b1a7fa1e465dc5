/** The chain of the log, from entries as the server stores them to what the command line says of them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { runCli } from '../../src/cli/run-cli.ts';
import { backUp, openAppliance } from '../../src/main.ts';
import { RecordingLog } from '../domain/recording-log.ts';
import { SettableRuntime } from '../domain/settable-runtime.ts';
import { HttpClient } from '../http/http-client.ts';
import { Operator } from '../http/operator.ts';
import { memoryTerminal } from './memory-terminal.ts';

/** A data directory, and what may be done to it while no server runs on it. */
class LoggedFleet {
  readonly directory: string;
  readonly #clock = new SettableRuntime('2026-03-01T12:00:00Z');
  #hosts = 0;

  constructor(t: TestContext) {
    this.directory = mkdtempSync(path.join(tmpdir(), 'nexus-log-'));
    t.after(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  /** Starts a server, adds so many hosts, each of which is an entry, and stops it. */
  async addHosts(count: number): Promise<void> {
    const config = { dataDir: this.directory, listen: { host: '127.0.0.1', port: 0 }, agentRateLimit: 60 };
    const appliance = await openAppliance(config, this.#clock, new RecordingLog());
    const operator = new Operator(new HttpClient({ socketPath: appliance.socketPath }));
    for (let added = 0; added < count; added += 1) {
      this.#hosts += 1;
      const reply = await operator.send('POST', '/v1/hosts', { name: `web-${this.#hosts}`, labels: { role: 'ü' } });
      assert.equal(reply.status, 201);
    }
    operator.client.close();
    await appliance.close();
  }

  change(sql: string): void {
    const database = new Database(path.join(this.directory, 'nexus.db'));
    database.exec(sql);
    database.close();
  }

  file(name: string): string {
    return path.join(this.directory, name);
  }

  async run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const terminal = memoryTerminal({ env: { NEXUS_DATA: this.directory } });
    const code = await runCli(['log', ...args], terminal);
    return { code, out: terminal.out(), err: terminal.err() };
  }

  async checkpoint(name: string): Promise<string> {
    const { code, out } = await this.run('checkpoint');
    assert.equal(code, 0);
    writeFileSync(this.file(name), out);
    return out;
  }
}

test('a log is in order over restarts, up to every checkpoint, and so is its backup', async (t) => {
  const fleet = new LoggedFleet(t);
  await fleet.addHosts(3);
  const first = await fleet.checkpoint('first.txt');
  assert.match(first, /^nexus\/[0-9a-f]{16}\n3\n[A-Za-z0-9+/]{43}=\n$/);
  await fleet.addHosts(2);
  assert.match(await fleet.checkpoint('second.txt'), /^nexus\/[0-9a-f]{16}\n5\n/);
  const verified = await fleet.run(
    'verify',
    '--checkpoint',
    fleet.file('first.txt'),
    '--checkpoint',
    fleet.file('second.txt'),
  );
  assert.deepEqual(verified, { code: 0, out: 'The log is in order up to entry 5.\n', err: '' });
  await backUp(fleet.directory, fleet.file('backup.db'));
  const { code, out } = await fleet.run('verify', '--file', fleet.file('backup.db'), '--json');
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(out), { ok: true, entries: 5, uncovered: 0, first_bad: null });
});

const NOT_FOLLOWING = 'its hash does not follow from its content and the entry before it';
const CHECKPOINT = ['--checkpoint', 'CHECKPOINT'];
/** What is done to a log of 6 entries of which a checkpoint of all 6 exists. */
const FORGERIES: ReadonlyArray<
  readonly [what: string, sql: string, args: readonly string[], firstBad: { id: number; why: string } | null]
> = [
  [
    'a byte changed',
    `UPDATE events SET data = replace(data, 'role', 'rolf') WHERE id = 3`,
    [],
    { id: 3, why: NOT_FOLLOWING },
  ],
  ['a time moved', 'UPDATE events SET at_ms = at_ms + 1 WHERE id = 3', [], { id: 3, why: NOT_FOLLOWING }],
  ['data that are no JSON', `UPDATE events SET data = '{' WHERE id = 3`, [], { id: 3, why: 'it cannot be read' }],
  ['a kind that there is not', `UPDATE events SET kind = 'x' WHERE id = 3`, [], { id: 3, why: 'it cannot be read' }],
  [
    'a row deleted',
    'DELETE FROM events WHERE id = 3',
    [],
    { id: 4, why: 'entry 3 is expected after 2, and 4 follows' },
  ],
  [
    'two rows swapped',
    'UPDATE events SET id = -3 WHERE id = 3; UPDATE events SET id = 3 WHERE id = 4; UPDATE events SET id = 4 WHERE id = -3',
    [],
    { id: 3, why: NOT_FOLLOWING },
  ],
  [
    'a hash deleted',
    'UPDATE events SET hash = NULL WHERE id = 3',
    [],
    { id: 3, why: 'it has no hash, and the entry before it has one' },
  ],
  ['the tail cut, without a checkpoint', 'DELETE FROM events WHERE id > 4', [], null],
  [
    'the tail cut',
    'DELETE FROM events WHERE id > 4',
    CHECKPOINT,
    { id: 6, why: 'the log ends at entry 4, and the checkpoint CHECKPOINT has seen entry 6' },
  ],
  [
    'every hash deleted',
    'UPDATE events SET hash = NULL',
    CHECKPOINT,
    { id: 6, why: 'the checkpoint CHECKPOINT has seen another entry 6' },
  ],
];

for (const [what, sql, args, firstBad] of FORGERIES) {
  test(`a forged log: ${what}`, async (t) => {
    const fleet = new LoggedFleet(t);
    await fleet.addHosts(6);
    await fleet.checkpoint('6.txt');
    fleet.change(sql);
    const inPlace = (text: string): string => text.replace('CHECKPOINT', fleet.file('6.txt'));
    const { code, out } = await fleet.run('verify', '--json', ...args.map(inPlace));
    const answer = JSON.parse(out) as { ok: boolean; first_bad: unknown };
    assert.deepEqual(answer.first_bad, firstBad && { ...firstBad, why: inPlace(firstBad.why) });
    assert.equal(answer.ok, firstBad === null);
    assert.equal(code, firstBad === null ? 0 : 1);
  });
}

test('a restored backup that went on by itself is found by a checkpoint from before', async (t) => {
  const fleet = new LoggedFleet(t);
  await fleet.addHosts(4);
  fleet.change(`VACUUM INTO '${fleet.file('backup.db')}'`);
  await fleet.addHosts(2);
  await fleet.checkpoint('6.txt');
  fleet.change('DELETE FROM events WHERE id > 4; DELETE FROM hosts WHERE id > 4');
  fleet.change("UPDATE sqlite_sequence SET seq = 4 WHERE name = 'events'");
  await fleet.addHosts(3);
  assert.equal((await fleet.run('verify')).code, 0);
  const { code, out } = await fleet.run('verify', '--checkpoint', fleet.file('6.txt'));
  assert.equal(code, 1);
  assert.equal(out, `Entry 6 is not in order: the checkpoint ${fleet.file('6.txt')} has seen another entry 6.\n`);
});

test('a log that an older Nexus began says what no hash covers', async (t) => {
  const fleet = new LoggedFleet(t);
  await fleet.addHosts(2);
  fleet.change('UPDATE events SET hash = NULL');
  await fleet.addHosts(2);
  assert.deepEqual(await fleet.run('verify'), {
    code: 0,
    out: 'The log is in order up to entry 4.\nNo hash covers the first 2, which an older Nexus wrote.\n',
    err: '',
  });
});

test('a checkpoint of another fleet, or what is none, is refused', async (t) => {
  const [one, other] = [new LoggedFleet(t), new LoggedFleet(t)];
  await one.addHosts(1);
  await other.addHosts(1);
  await other.checkpoint('1.txt');
  const foreign = await one.run('verify', '--checkpoint', other.file('1.txt'));
  assert.equal(foreign.code, 2);
  assert.match(foreign.err, /1\.txt is not a checkpoint of this fleet.*begins with nexus\/[0-9a-f]{16}/s);
  const notDatabase = await one.run('verify', '--file', other.file('1.txt'));
  assert.equal(notDatabase.code, 2);
  assert.match(notDatabase.err, /is not a database: name nexus\.db, or a backup of it/);
});
