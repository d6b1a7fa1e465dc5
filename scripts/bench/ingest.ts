/**
 * `npm run bench:ingest [-- --hosts 2000 --containers 20 --only turns]`: telemetry of distinct hosts, from a load
 * generator in this process to servers in processes of their own. Its sections, all of them by default:
 *
 * - `turns`: posted as fast as it is answered, in turns to node:http that only reads the bytes, that also parses them,
 *   that also validates them, to Nexus, which answers when a post is synced to the disk, and to VictoriaMetrics where it
 *   is installed. They take turns because the machine may be busy with something else; what is printed are medians.
 * - `beside`: in turns with another version of Nexus, the executable that `--beside` names. Left out without it.
 * - `half`: at half of that maximum, posted when it is due whether or not the server keeps up.
 * - `overload`: at three times that maximum, and whether everything acknowledged is stored.
 * - `fleet`: what a fresh server needs to know 10,000 hosts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CONTAINER_METRICS, HOST_METRICS } from '../../src/domain/telemetry.ts';
import { AcknowledgedTicks } from './support/acknowledged-ticks.ts';
import { ChildServer } from './support/child-server.ts';
import { Feed } from './support/feed.ts';
import { requireFiles } from './support/file-limit.ts';
import { measureFleet } from './support/ingest-fleet.ts';
import { measureHalf } from './support/ingest-half.ts';
import { measureOverload } from './support/ingest-overload.ts';
import { IngestSubject } from './support/ingest-subject.ts';
import { targetOf } from './support/kept-connection.ts';
import { MachineLoad } from './support/machine-load.ts';
import { addHosts } from './support/nexus-hosts.ts';
import { type ServerChoice, startNexus } from './support/nexus-server.ts';
import { OpenLoop } from './support/open-loop.ts';
import { type Posts, PrometheusPosts, TelemetryPosts, TickTimes } from './support/prebuilt-posts.ts';
import { figure, say } from './support/samples.ts';
import { folderBytes, startVictoriaMetrics } from './support/victoria-metrics.ts';

const SECTIONS = ['turns', 'beside', 'half', 'overload', 'fleet'];
/** Files a process needs beside its connections. */
const SPARE_FILES = 200;
/** Turns in which only the maximum of Nexus is looked for, where the comparison is not asked for. */
const FEW_TURNS = 2;

const { values: flags } = parseArgs({
  options: {
    /** One of the sections; can be given more than once. */
    only: { type: 'string', multiple: true, default: SECTIONS },
    hosts: { type: 'string', default: '2000' },
    containers: { type: 'string', default: '20' },
    /** Posts under way at once. */
    window: { type: 'string', default: '128' },
    /** Turns of each server, and how long each is. */
    turns: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    'half-seconds': { type: 'string', default: '15' },
    'overload-seconds': { type: 'string', default: '60' },
    /** In the overload hosts wait as Retry-After asks. */
    polite: { type: 'boolean', default: false },
    'fleet-hosts': { type: 'string', default: '10000' },
    /** Runs this executable; by default dist/nexus, built first when it is old. */
    executable: { type: 'string' },
    /** The executable of another version, to compare with. */
    beside: { type: 'string' },
    /** Runs the sources instead, and writes a profile of them into this folder. */
    profile: { type: 'string' },
  },
});
const hostCount = Number(flags.hosts);
const containerCount = Number(flags.containers);
const sections = new Set(flags.only);

const directory = mkdtempSync(path.join(tmpdir(), 'nexus-bench-'));
const logFile = path.join(directory, 'log');
const nexusDir = path.join(directory, 'nexus');
const victoriaDir = path.join(directory, 'victoria-metrics');
const times = new TickTimes();

function open(name: string, server: ChildServer, posts: Posts): Promise<IngestSubject> {
  const feed = new Feed(posts, new AcknowledgedTicks(times, hostCount), hostCount);
  return IngestSubject.open(name, server, feed, Number(flags.window));
}

async function openBare(name: string, level: string, posts: Posts): Promise<IngestSubject> {
  const script = path.join(import.meta.dirname, 'support', 'bare-server.ts');
  return open(name, await ChildServer.start(process.execPath, [script, level], logFile), posts);
}

async function openVictoria(): Promise<IngestSubject | undefined> {
  const server = await startVictoriaMetrics(victoriaDir, logFile);
  if (server !== undefined)
    return open('VictoriaMetrics', server, new PrometheusPosts(times, hostCount, containerCount));
  say('VictoriaMetrics', 'skipped: there is no victoria-metrics on the PATH');
  return undefined;
}

async function takeTurns(subjects: readonly IngestSubject[], count: number): Promise<void> {
  for (const subject of subjects) await subject.warmUp();
  const cpuSeconds = () => subjects.reduce((sum, { server }) => sum + server.figures().cpuSeconds, 0);
  const load = new MachineLoad(cpuSeconds());
  for (let turn = 0; turn < count; turn += 1)
    for (const subject of subjects) await subject.takeTurn(Number(flags.seconds) * 1000);
  for (const subject of subjects) subject.report(containerCount + 1);
  say('used by others meanwhile', load.describe(cpuSeconds()));
}

/** Of a server that has ended. What is written once for each host, container or series is shared by all posts. */
function reportDisk({ name, feed }: IngestSubject, dataDir: string): void {
  const [bytes, posts] = [folderBytes(dataDir), feed.acknowledged.count];
  say(
    `on disk, ${name}`,
    `${figure(bytes / 1e6)} MB after ${figure(posts)} posts: ${figure(bytes / posts)} bytes a post`,
  );
}

/** Ends all but Nexus. */
async function compareServers(nexus: IngestSubject, posts: Posts): Promise<void> {
  const reads = await openBare('reads the bytes', 'nothing', posts);
  const parses = await openBare('parses', 'parse', posts);
  const validates = await openBare('validates', 'validate-telemetry', posts);
  const victoria = await openVictoria();
  const peers = victoria === undefined ? [] : [victoria];
  await takeTurns([reads, parses, validates, nexus, ...peers], Number(flags.turns));
  for (const subject of [reads, validates, nexus, ...peers]) subject.compare(parses);
  for (const subject of [reads, parses, validates, ...peers]) await subject.close();
  if (victoria === undefined) return;
  nexus.compare(victoria);
  say('', 'VictoriaMetrics answers from memory, before anything is synced; Nexus after the sync');
  reportDisk(victoria, victoriaDir);
  // What of it is not on the disk yet would be written in the middle of what is measured next.
  rmSync(victoriaDir, { recursive: true });
}

async function measureOpenLoops(nexus: IngestSubject): Promise<void> {
  const peakPerSecond = nexus.perSecond.median;
  const loop = await OpenLoop.open(nexus.feed, targetOf(nexus.server.url));
  let usualMs = nexus.delaysMs.percentile(99);
  if (sections.has('half')) usualMs = await measureHalf(nexus, loop, peakPerSecond / 2, Number(flags['half-seconds']));
  if (sections.has('overload')) {
    const choice = { seconds: Number(flags['overload-seconds']), isPolite: flags.polite, peakPerSecond, usualMs };
    await measureOverload(nexus, loop, choice);
  }
  loop.close();
}

interface NexusSubject {
  readonly subject: IngestSubject;
  readonly posts: TelemetryPosts;
}

async function openNexus(name: string, dataDir: string, choice: ServerChoice): Promise<NexusSubject> {
  const server = await startNexus(dataDir, logFile, choice);
  const posts = new TelemetryPosts(times, await addHosts(dataDir, hostCount), containerCount);
  return { subject: await open(name, server, posts), posts };
}

async function compareVersions(nexus: IngestSubject, executable: string): Promise<void> {
  const { subject: other } = await openNexus('the other version', path.join(directory, 'other'), { executable });
  await takeTurns([nexus, other], Number(flags.turns));
  nexus.compare(other);
  await other.close();
}

async function measureServers(): Promise<void> {
  const { subject: nexus, posts } = await openNexus('Nexus', nexusDir, flags);
  const numbers = HOST_METRICS.length + containerCount * CONTAINER_METRICS.length;
  const size = `${figure(posts.at(0, 0).length)} bytes a post with its headers`;
  const content = `a sample of the host and one of each container, ${figure(numbers)} numbers`;
  say('load', `${figure(hostCount)} hosts of ${containerCount} containers; ${size}: ${content}`);
  if (sections.has('turns')) await compareServers(nexus, posts);
  if (sections.has('beside') && flags.beside !== undefined) await compareVersions(nexus, flags.beside);
  if (nexus.perSecond.count === 0) await takeTurns([nexus], FEW_TURNS);
  if (sections.has('half') || sections.has('overload')) await measureOpenLoops(nexus);
  await nexus.close();
  nexus.feed.acknowledged.report(nexusDir);
  reportDisk(nexus, nexusDir);
}

async function main(): Promise<void> {
  const unknown = flags.only.filter((section) => !SECTIONS.includes(section));
  if (unknown.length > 0)
    throw new Error(`there is no section '${unknown.join(', ')}': say --only ${SECTIONS.join('|')}`);
  requireFiles(hostCount + SPARE_FILES);
  if (flags.only.some((section) => section !== 'fleet')) await measureServers();
  if (!sections.has('fleet')) return;
  const fleetDir = path.join(directory, 'fleet');
  const server = await startNexus(fleetDir, logFile, flags);
  await measureFleet(server, fleetDir, Number(flags['fleet-hosts']), containerCount);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
// Connections and children that a failure left behind end here.
process.exit();
