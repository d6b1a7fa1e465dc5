/**
 * `npm run bench:start [-- --rounds 15]`: how long the executable takes until it is of use, and to end. In turns, since
 * the machine may be busy with something else: a bare Node that does nothing, `nexus --version`, and `nexus serve` on an
 * empty directory until `/readyz` answers 200, then asked to end. What is printed are medians, and after them the
 * quickest. Exits 1 beyond a limit.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { MachineLoad } from './support/machine-load.ts';
import { installNexus, startNexus } from './support/nexus-server.ts';
import { besideLimit, fail, figure, Samples, say } from './support/samples.ts';

/** What an operator does not notice, and what one does not mind after a crash. */
const LIMITS_MS = { version: 150, ready: 2_000, end: 3_000 };
/** The rest of the way: what is our own in the start of a command. */
const AIM_ABOVE_BARE_MS = 20;
const POLL_MS = 1;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    /** Measures this executable; by default dist/nexus, built first when it is old. */
    executable: { type: 'string' },
  },
});

function timed(work: () => void): number {
  const beganMs = performance.now();
  work();
  return performance.now() - beganMs;
}

async function isReady(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/readyz`);
  await answer.arrayBuffer();
  return answer.status === 200;
}

function report(name: string, samples: Samples, limitMs: number): void {
  say(name, `${besideLimit(samples.median, 'ms', limitMs, 1)}; the quickest ${figure(samples.percentile(0), 1)} ms`);
  if (samples.median > limitMs) fail(name, `${figure(samples.median)} ms is more than ${limitMs} ms`);
}

const directory = mkdtempSync(path.join(tmpdir(), 'nexus-bench-start-'));
const logFile = path.join(directory, 'log');
try {
  const executable = await installNexus(directory, flags);
  const [bare, version, ready, end] = [new Samples(), new Samples(), new Samples(), new Samples()];
  const memory = new Samples();
  const load = new MachineLoad(0);
  for (let round = 0; round < Number(flags.rounds); round += 1) {
    bare.add(timed(() => execFileSync(process.execPath, ['-e', '0'], { env: {} })));
    version.add(timed(() => execFileSync(executable, ['--version'], { env: {} })));
    const dataDir = path.join(directory, `data-${round}`);
    const beganMs = performance.now();
    const server = await startNexus(dataDir, logFile, { executable });
    while (!(await isReady(server.url))) await sleep(POLL_MS);
    ready.add(performance.now() - beganMs);
    memory.add(server.figures().rssMb);
    const askedMs = performance.now();
    await server.stop();
    end.add(performance.now() - askedMs);
  }
  say('bare Node', `${figure(bare.median, 1)} ms; the quickest ${figure(bare.percentile(0), 1)} ms`);
  report('nexus --version', version, LIMITS_MS.version);
  say('  above bare Node', besideLimit(version.median - bare.median, 'ms', AIM_ABOVE_BARE_MS, 1));
  report('nexus serve, until ready', ready, LIMITS_MS.ready);
  say('  memory then', `${figure(memory.median)} MB`);
  report('SIGTERM to the end', end, LIMITS_MS.end);
  say('used by all meanwhile', load.describe(0));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
