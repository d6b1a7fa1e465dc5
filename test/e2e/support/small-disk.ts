/** A file system of a few megabytes that a test may fill, switch to read-only and cut off; needs root on Linux. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { messageOf } from '../../../src/domain/errors.ts';
import { HUNG_AFTER_MS } from '../../runtime/wait-until.ts';
import { afterwards } from './afterwards.ts';
import { scratchDirectory } from './nexus-server.ts';

const FILLER = 'filler';
/** Nothing is to reach the image by mere passing of time: only what is synced. */
const MOUNT_OPTIONS = ['-o', 'loop,commit=300'];

function run(file: string, args: readonly string[]): void {
  execFileSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: HUNG_AFTER_MS });
}

function unmount(directory: string): void {
  try {
    run('umount', [directory]);
  } catch {
    // Something is still open on it: the mount goes when that does, and is out of the way at once.
    run('umount', ['--lazy', directory]);
  }
}

function findObstacle(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'mounting a small disk needs root on Linux';
  const directory = mkdtempSync(path.join(tmpdir(), 'nexus-e2e-'));
  const image = `${directory}.img`;
  try {
    makeFileSystem(image, 8);
    run('mount', ['-o', 'loop', image, directory]);
    unmount(directory);
    return undefined;
  } catch (error) {
    return `a small ext4 disk cannot be mounted here: ${messageOf(error)}`;
  } finally {
    rmSync(image, { force: true });
    rmdirSync(directory);
  }
}

/** `false` when small disks can be had, else why not; throws instead where NEXUS_REQUIRE_DOCKER=1, as on CI. */
export function skipWithoutSmallDisks(): string | false {
  const obstacle = findObstacle();
  if (obstacle === undefined) return false;
  if (process.env['NEXUS_REQUIRE_DOCKER'] === '1') throw new Error(`NEXUS_REQUIRE_DOCKER=1, but ${obstacle}`);
  return obstacle;
}

/** No blocks are set aside for root, who runs these tests. */
function makeFileSystem(image: string, sizeMb: number): void {
  closeSync(openSync(image, 'w'));
  truncateSync(image, sizeMb * 1024 * 1024);
  run('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
}

export class SmallDisk {
  /** Where it is mounted. */
  readonly directory: string;
  readonly #test: TestContext;
  readonly #image: string;

  private constructor(test: TestContext, image: string) {
    this.#test = test;
    this.#image = image;
    this.directory = path.join(scratchDirectory(test), 'disk');
    mkdirSync(this.directory);
    run('mount', [...MOUNT_OPTIONS, image, this.directory]);
    afterwards(test, () => unmount(this.directory));
  }

  /** An empty ext4 file system in a file, mounted until the test ends. */
  static create(test: TestContext, sizeMb: number): SmallDisk {
    const image = path.join(scratchDirectory(test), 'image');
    makeFileSystem(image, sizeMb);
    return new SmallDisk(test, image);
  }

  /** Takes all space that is left. */
  fill(): void {
    const descriptor = openSync(path.join(this.directory, FILLER), 'a');
    try {
      for (const size of [1024 * 1024, 64 * 1024, 4096, 512]) {
        const block = Buffer.alloc(size, 1);
        while (writes(descriptor, block));
      }
    } finally {
      closeSync(descriptor);
    }
  }

  /** Gives back what {@link fill} took. */
  free(): void {
    rmSync(path.join(this.directory, FILLER), { force: true });
  }

  /** Possible only while no file on it is open for writing. */
  remount(mode: 'ro' | 'rw'): void {
    run('mount', ['-o', `remount,${mode}`, this.directory]);
  }

  /** What the kernel does to a file system after a write error: from now on nothing can be written. */
  breakDown(): void {
    run('mount', ['-o', 'remount,abort', this.directory]);
  }

  /** Brings a broken disk back as a restart of its machine would; no file on it may be open. */
  repair(): void {
    run('umount', [this.directory]);
    run('mount', [...MOUNT_OPTIONS, this.#image, this.directory]);
  }

  /** The disk as it would be found had the power gone at this moment, mounted beside this one. */
  afterPowerCut(): SmallDisk {
    const image = path.join(scratchDirectory(this.#test), 'image');
    copyFileSync(this.#image, image);
    return new SmallDisk(this.#test, image);
  }
}

/** Whether the whole block found room. */
function writes(descriptor: number, block: Buffer): boolean {
  try {
    return writeSync(descriptor, block) === block.length;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}

/** A directory that is seen at another place, as a disk is at its mount point, and can go away from there. */
export class MountedDirectory {
  readonly directory: string;
  readonly #source: string;

  /** `source` is seen at {@link directory} until the test ends. */
  constructor(test: TestContext, source: string) {
    this.#source = source;
    this.directory = path.join(scratchDirectory(test), 'mounted');
    mkdirSync(this.directory);
    this.attach();
    afterwards(test, () => {
      if (isMountPoint(this.directory)) unmount(this.directory);
    });
  }

  /** An empty directory is left in its place; what is open on it stays open. */
  detach(): void {
    run('umount', ['--lazy', this.directory]);
  }

  attach(): void {
    run('mount', ['--bind', this.#source, this.directory]);
  }
}

function isMountPoint(directory: string): boolean {
  return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${directory} `);
}

/** Makes a file refuse every change, even root's, or lifts that. */
export function setImmutable(file: string, immutable: boolean): void {
  run('chattr', [immutable ? '+i' : '-i', file]);
}
