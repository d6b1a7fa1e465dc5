/**
 * `npm run build [-- --target linux-x64|linux-arm64]`: makes the one executable, `dist/nexus`, or for another machine
 * `dist/nexus-<target>`. It needs the package registry at most, and runs without Node and without node_modules.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import * as z from 'zod';
import { ADDON_ASSET, bundleProgram } from './bundle.ts';
import { type Arch, provideNodeBinary } from './node-binary.ts';
import { PARTS, type Part } from './parts.ts';
import type { SealOrder } from './seal.ts';
import { V8_FLAGS } from './v8-flags.ts';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '..', '..');
const TARGETS: Readonly<Record<string, Arch>> = { 'linux-x64': 'x64', 'linux-arm64': 'arm64' };
const RUN_LIMIT_MS = 60_000;

export interface ExecutableOrder {
  /** The only script, for a trial; the parts of parts.ts otherwise. */
  readonly entry?: string;
  /** `linux-x64` or `linux-arm64`; this machine by default. */
  readonly target?: string;
  /** Where the executable goes; `dist/nexus`, or `dist/nexus-<target>` for another machine, by default. */
  readonly outfile?: string;
}

export interface Executable {
  readonly path: string;
  readonly target: string;
  readonly size_bytes: number;
  readonly took_ms: number;
  /** Whether debug symbols were taken out of the Node binary (about 33 MB). */
  readonly stripped: boolean;
}

/**
 * Builds the executable and puts it in place in one step, so that a copy that is running, or another build at the same
 * time, is not disturbed. Throws when the sources do not bundle, the target is unknown or its Node cannot be had.
 */
async function buildExecutable(order: ExecutableOrder = {}): Promise<Executable> {
  const started = performance.now();
  const thisMachine = `${process.platform}-${process.arch}`;
  const target = order.target ?? thisMachine;
  const arch = TARGETS[target];
  if (arch === undefined) {
    throw new Error(
      `There is no executable for ${target}. Pass --target with one of: ${Object.keys(TARGETS).join(', ')}.`,
    );
  }
  const manifest = z
    .object({ version: z.string(), optionalDependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')));
  const nodeVersion = manifest.optionalDependencies[`node-${target}`];
  if (nodeVersion === undefined) throw new Error(`package.json does not pin node-${target} in optionalDependencies.`);
  if (process.version !== `v${nodeVersion}`) {
    throw new Error(
      `The build runs on Node ${process.version}, but the executable is made of v${nodeVersion} and the two must match. ` +
        'Run `npm ci`, then `npm run build`, which uses the Node pinned in package.json.',
    );
  }
  const foreign = target !== thisMachine;
  const outfile = order.outfile ?? join(ROOT, 'dist', foreign ? `nexus-${target}` : 'nexus');
  const scratch = join(ROOT, '.cache', 'build');
  await mkdir(scratch, { recursive: true });
  await mkdir(dirname(outfile), { recursive: true });
  const work = await mkdtemp(join(scratch, 'work-'));
  try {
    const entry = order.entry;
    const parts: readonly Part[] =
      entry === undefined
        ? PARTS
        : [{ name: 'nexus', entry, warmUp: { argsIn: () => ['--help'], env: {}, exitCode: 0 } }];
    const commit = await currentCommit();
    const node = await provideNodeBinary({ root: ROOT, version: nodeVersion, arch });
    const bootstrap = join(import.meta.dirname, 'bootstrap.cjs');
    const assets: Record<string, string> = { 'bootstrap.cjs': bootstrap };
    for (const part of parts) {
      const script = join(work, `${part.name}.js`);
      const bundle = await bundleProgram({
        root: ROOT,
        entry: resolve(ROOT, part.entry),
        outfile: script,
        target,
        version: manifest.version,
        commit,
      });
      assets[`${part.name}.js`] = script;
      if (part.v8Flags !== undefined) {
        assets[`${part.name}.flags`] = join(work, `${part.name}.flags`);
        await writeFile(join(work, `${part.name}.flags`), part.v8Flags.join(' '));
      }
      if (bundle.addon !== null) assets[ADDON_ASSET] = bundle.addon;
      // A code cache fits the processor family it was made on: an executable for another machine compiles as it starts.
      if (!foreign) assets[`${part.name}.cache`] = await makeCodeCache(node.path, part, script, work);
    }

    const sealed = join(work, 'nexus');
    const sealing: SealOrder = { main: bootstrap, outfile: sealed, nodeVersion, arch, assets };
    await run(process.execPath, [join(import.meta.dirname, 'seal.ts'), JSON.stringify(sealing)], {
      env: { ...process.env, HOME: node.home },
    });
    await chmod(sealed, 0o755);
    if (!foreign) await requireCodeCaches(sealed, work);
    await rename(sealed, outfile);
    const { size } = await stat(outfile);
    return { path: outfile, target, size_bytes: size, took_ms: performance.now() - started, stripped: node.stripped };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Runs a part, or only compiles it, and returns the file with V8's code cache of it. */
async function makeCodeCache(
  node: string,
  { name, warmUp, v8Flags = [] }: Part,
  script: string,
  work: string,
): Promise<string> {
  const cache = join(work, `${name}.cache`);
  const folder = await mkdtemp(join(work, 'warm-up-'));
  const args = [
    ...V8_FLAGS,
    join(import.meta.dirname, 'warm-up.cjs'),
    script,
    cache,
    v8Flags.join(' '),
    ...(warmUp?.argsIn(folder) ?? []),
  ];
  const options = { cwd: work, env: { ...warmUp?.env }, timeout: RUN_LIMIT_MS };
  const exitCode = await run(node, args, options).then(
    () => 0,
    (error: { readonly code?: unknown }) => error.code,
  );
  if (exitCode !== (warmUp?.exitCode ?? 0)) throw new Error(`the warm-up of '${name}' ended with ${String(exitCode)}`);
  return cache;
}

/** A cache that is refused goes unnoticed otherwise: every start takes longer, and every process holds more memory. */
async function requireCodeCaches(executable: string, cwd: string): Promise<void> {
  for (const args of [['--version'], ['agent', '--help']]) {
    await run(executable, args, { cwd, env: { NEXUS_REQUIRE_CODE_CACHE: '1' }, timeout: RUN_LIMIT_MS });
  }
}

/**
 * Short id of the commit that is checked out, or an empty string outside a repository or without git. NEXUS_COMMIT says
 * it where the sources come without their history, as in an image build.
 */
async function currentCommit(): Promise<string> {
  const told = process.env['NEXUS_COMMIT'];
  if (told !== undefined && told !== '') return told;
  try {
    const { stdout } = await run('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: ROOT });
    return stdout.trim();
  } catch {
    return '';
  }
}

if (import.meta.main) {
  try {
    const { values } = parseArgs({
      options: { target: { type: 'string' }, entry: { type: 'string' }, outfile: { type: 'string' } },
    });
    const built = await buildExecutable({
      ...(values.target === undefined ? {} : { target: values.target }),
      ...(values.entry === undefined ? {} : { entry: resolve(values.entry) }),
      ...(values.outfile === undefined ? {} : { outfile: resolve(values.outfile) }),
    });
    const size = `${(built.size_bytes / 1_000_000).toFixed(1)} MB`;
    const note = built.stripped ? '' : ', with debug symbols, as no `strip` for it was found';
    process.stdout.write(
      `${relative(process.cwd(), built.path)} for ${built.target}: ${size} in ${(built.took_ms / 1000).toFixed(1)} s${note}\n`,
    );
  } catch (error) {
    process.stderr.write(`build failed: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
