/**
 * Provides the Node binary that the executable is made of, from the package registry only, where pkg looks for it.
 *
 * pkg would download Node by itself; a folder laid out like its finished cache makes it take ours instead.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';

const run = promisify(execFile);

export type Arch = 'x64' | 'arm64';

export interface NodeBinary {
  readonly path: string;
  /** HOME for pkg, holding a cache in which `path` counts as downloaded. */
  readonly home: string;
  readonly stripped: boolean;
}

export interface NodeBinaryRequest {
  /** Repository root: holds node_modules, package-lock.json and .cache. */
  readonly root: string;
  readonly version: string;
  readonly arch: Arch;
}

/** Seeds pkg's cache with the Node of `version` for `arch`; takes no time when that was done before. */
export async function provideNodeBinary({ root, version, arch }: NodeBinaryRequest): Promise<NodeBinary> {
  const name = `node-v${version}-linux-${arch}`;
  const build = join(root, '.cache', 'build');
  const home = join(build, 'pkg-home');
  const cache = join(home, '.pkg-cache', 'sea');
  const folder = join(cache, name, 'bin');
  const path = join(folder, 'node');
  const stamp = `${path}.ok`;

  const stripTool = await findStripTool(arch);
  const wanted = stripTool === null ? 'as published' : 'stripped';
  const found = await readFile(stamp, 'utf8').catch(() => null);
  if (found === wanted) return { path, home, stripped: stripTool !== null };

  await mkdir(folder, { recursive: true });
  await rm(stamp, { force: true });
  const work = await mkdtemp(join(build, 'node-'));
  try {
    const published = await locatePublishedNode({ root, version, arch, work });
    const prepared = join(work, 'prepared');
    if (stripTool === null) await copyFile(published, prepared);
    else await run(stripTool, ['-s', '-o', prepared, published]);
    await rename(prepared, path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  // pkg asks for the archive and for a stamp beside both; the archive itself is not opened once the binary has its stamp.
  const archive = join(cache, `${name}.tar.gz`);
  await writeFile(archive, '');
  await writeFile(`${archive}.ok`, '');
  await writeFile(stamp, wanted);
  return { path, home, stripped: stripTool !== null };
}

/** Path of the unmodified binary: from node_modules when npm installed it for this machine, else fetched into `work`. */
async function locatePublishedNode(request: NodeBinaryRequest & { readonly work: string }): Promise<string> {
  const { root, version, arch, work } = request;
  const packageName = `node-linux-${arch}`;
  if (process.arch === arch) {
    const installed = join(root, 'node_modules', packageName);
    const manifest = z
      .object({ version: z.string() })
      .parse(JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')));
    if (manifest.version !== version) {
      throw new Error(
        `node_modules holds ${packageName} ${manifest.version}, but ${version} is wanted. Run \`npm ci\` and build again.`,
      );
    }
    return join(installed, 'bin', 'node');
  }

  const expected = await lockedIntegrity(root, packageName, version);
  await run('npm', ['pack', `${packageName}@${version}`, '--silent', '--pack-destination', work], { cwd: work });
  const tarball = join(work, `${packageName}-${version}.tgz`);
  const actual = `sha512-${createHash('sha512')
    .update(await readFile(tarball))
    .digest('base64')}`;
  if (actual !== expected) {
    throw new Error(
      `The package ${packageName}@${version} that the registry sent is not the one in package-lock.json ` +
        `(${actual} instead of ${expected}). Do not use it; find out why it changed.`,
    );
  }
  await run('tar', ['-xzf', tarball, '-C', work, 'package/bin/node']);
  return join(work, 'package', 'bin', 'node');
}

async function lockedIntegrity(root: string, packageName: string, version: string): Promise<string> {
  const entry = z.object({ version: z.string(), integrity: z.string().startsWith('sha512-') });
  const lock = z
    .object({ packages: z.record(z.string(), z.unknown()) })
    .parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')));
  const locked = entry.safeParse(lock.packages[`node_modules/${packageName}`]);
  if (!locked.success || locked.data.version !== version) {
    throw new Error(
      `package-lock.json does not pin ${packageName} ${version}, so a download of it could not be checked. ` +
        'Add it to optionalDependencies at that version and run `npm install`.',
    );
  }
  return locked.data.integrity;
}

/** A `strip` that understands `arch`, or null: GNU strip usually knows its own architecture only. */
async function findStripTool(arch: Arch): Promise<string | null> {
  const gnu = arch === 'x64' ? 'x86_64-linux-gnu-strip' : 'aarch64-linux-gnu-strip';
  for (const tool of process.arch === arch ? ['strip', gnu, 'llvm-strip'] : [gnu, 'llvm-strip']) {
    const answered = await run(tool, ['--version']).then(
      () => true,
      () => false,
    );
    if (answered) return tool;
  }
  return null;
}
