/**
 * Remembers on disk what a lab has started, so that it is undone even when the process that started it is killed.
 *
 * Each process with a lab has one run: a folder with a record of engines, namespaces, bridges and processes, written
 * before each of them is made. A keeper process holds the other end of a pipe and undoes the run when its owner is gone;
 * should the keeper be killed too, the next lab on the machine undoes what the dead run left.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { undoEngine } from './engine-remains.ts';
import { installLab } from './install.ts';
import { endProcess, identifyProcess, isAlive, ProcessId } from './process-id.ts';

const run = promisify(execFile);

/** Short, because the paths of an engine's sockets may have 107 characters; on disk, because overlay2 needs it. */
const LAB_ROOT = '/var/tmp/nexus-lab';
const SUBNETS = 256;
const END_GRACE_MS = 5_000;

const RunRecord = z.object({
  /** Process that the run lives with; null for one that stays until `lab.ts down`. */
  owner: ProcessId.nullable(),
  /** Data folders of engines. */
  engines: z.array(z.string()),
  processes: z.array(ProcessId),
  namespaces: z.array(z.string()),
  bridges: z.array(z.string()),
  /** Third octets of the 10.99.N.0/24 networks that the run uses. */
  subnets: z.array(z.number().int().min(0).max(255)),
});
type RunRecord = z.infer<typeof RunRecord>;
type ListName = Exclude<keyof RunRecord, 'owner'>;

class LabRun {
  /** Six characters that make the names of namespaces and interfaces unique on this machine. */
  readonly id: string;
  readonly folder: string;
  #record: RunRecord;
  #names = 0;

  constructor(id: string, folder: string, owner: ProcessId | null) {
    this.id = id;
    this.folder = folder;
    this.#record = { owner, engines: [], processes: [], namespaces: [], bridges: [], subnets: [] };
    this.#write();
  }

  /** A number that this run has not given out before. */
  nextNumber(): number {
    this.#names += 1;
    return this.#names;
  }

  /** Writes down a thing about to be made. */
  add<L extends ListName>(list: L, item: RunRecord[L][number]): void {
    this.#record = { ...this.#record, [list]: [...this.#record[list], item] };
    this.#write();
  }

  /** Crosses out a thing that is gone. */
  remove<L extends ListName>(list: L, item: RunRecord[L][number]): void {
    const text = JSON.stringify(item);
    this.#record = {
      ...this.#record,
      [list]: this.#record[list].filter((other: unknown) => JSON.stringify(other) !== text),
    };
    this.#write();
  }

  /** Takes the first 10.99.N.0/24 that no other lab and no interface of `usedAddresses` has; returns N. */
  claimSubnet(usedAddresses: readonly string[]): number {
    for (let octet = 0; octet < SUBNETS; octet += 1) {
      if (usedAddresses.some((address) => address.startsWith(`10.99.${octet}.`))) continue;
      try {
        mkdirSync(subnetClaim(octet));
      } catch {
        continue;
      }
      this.add('subnets', octet);
      return octet;
    }
    throw new Error(
      `All ${SUBNETS} lab networks 10.99.N.0/24 are taken. End labs with \`node scripts/lab/lab.ts down\`.`,
    );
  }

  async releaseSubnet(octet: number): Promise<void> {
    await rm(subnetClaim(octet), { recursive: true, force: true });
    this.remove('subnets', octet);
  }

  #write(): void {
    const file = join(this.folder, 'run.json');
    writeFileSync(`${file}.new`, JSON.stringify(this.#record));
    renameSync(`${file}.new`, file);
  }
}

let current: Promise<LabRun> | undefined;

/** The run of this process, made at the first call, after undoing what dead runs left behind. */
export function currentRun(): Promise<LabRun> {
  current ??= (async () => {
    await undoDeadRuns();
    const owner = identifyProcess(process.pid);
    if (owner === undefined) throw new Error('/proc does not show this process; the lab needs it mounted.');
    const made = makeRun(owner);
    startKeeper(made.folder);
    return made;
  })();
  return current;
}

/** Makes this process's run one that outlives it, until {@link undoDetachedRuns}; call it before anything is started. */
export async function detachRun(): Promise<LabRun> {
  if (current !== undefined) throw new Error('This process has a lab run already, so it cannot be detached any more.');
  await undoDeadRuns();
  const made = makeRun(null);
  current = Promise.resolve(made);
  return made;
}

function makeRun(owner: ProcessId | null): LabRun {
  ensureLabRoot();
  const id = randomBytes(3).toString('hex');
  const folder = join(LAB_ROOT, id);
  mkdirSync(folder, { mode: 0o700 });
  return new LabRun(id, folder, owner);
}

function ensureLabRoot(): void {
  mkdirSync(LAB_ROOT, { recursive: true, mode: 0o700 });
  const found = lstatSync(LAB_ROOT);
  if (!found.isDirectory() || found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0) {
    throw new Error(`${LAB_ROOT} is not a folder that only this user can write. Remove it, and run the lab again.`);
  }
}

function startKeeper(folder: string): void {
  const keeper = spawn(process.execPath, [join(import.meta.dirname, 'keeper.ts'), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  keeper.unref();
  // The pipe must stay open until this process ends, and must not keep it from ending.
  if (keeper.stdin instanceof Socket) keeper.stdin.unref();
}

/** Undoes the runs whose owner has ended without doing so. */
export async function undoDeadRuns(): Promise<void> {
  for (const { folder, record } of listRuns()) {
    if (record.owner !== null && !isAlive(record.owner)) await undoRun(folder);
  }
}

/** Undoes the runs that `lab.ts up` left running; returns how many there were. */
export async function undoDetachedRuns(): Promise<number> {
  const detached = listRuns().filter(({ record }) => record.owner === null);
  for (const { folder } of detached) await undoRun(folder);
  return detached.length;
}

/** Ends and removes everything that the run in `folder` wrote down; what is gone already is no fault. */
export async function undoRun(folder: string): Promise<void> {
  const record = readRecord(folder);
  if (record !== undefined) {
    await Promise.all(record.engines.map(undoEngine));
    await Promise.all(record.processes.map((id) => endProcess(id, END_GRACE_MS)));
    const { env } = await installLab();
    for (const bridge of record.bridges) await ignoreMissing(run('ip', ['link', 'delete', bridge], { env }));
    for (const name of record.namespaces) await ignoreMissing(run('ip', ['netns', 'delete', name], { env }));
    for (const octet of record.subnets) await rm(subnetClaim(octet), { recursive: true, force: true });
  }
  await rm(folder, { recursive: true, force: true });
}

/** `ip` fails when the thing to delete does not exist, which is what was wanted. */
async function ignoreMissing(command: Promise<unknown>): Promise<void> {
  await command.catch((error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    if (!/Cannot find device|No such file/.test(text)) throw error;
  });
}

function listRuns(): { folder: string; record: RunRecord }[] {
  let names: string[];
  try {
    names = readdirSync(LAB_ROOT);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const folder = join(LAB_ROOT, name);
    const record = readRecord(folder);
    return record === undefined ? [] : [{ folder, record }];
  });
}

function readRecord(folder: string): RunRecord | undefined {
  try {
    return RunRecord.parse(JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')));
  } catch {
    return undefined;
  }
}

function subnetClaim(octet: number): string {
  return join(LAB_ROOT, `subnet-${octet}`);
}
