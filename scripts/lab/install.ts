/**
 * Makes the lab's programs available: Docker Engine 26 or later with Compose v2, a registry and a static busybox.
 *
 * What the machine has is used. What it lacks is taken from its own Debian mirror and unpacked into a folder that git
 * ignores, so nothing is installed and nothing needs to be removed. Debian 12 itself has an older Engine only; the next
 * release's packages run on its C library, so they are resolved together and apt picks what else they need.
 */
import { execFile } from 'node:child_process';
import { access, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';

const run = promisify(execFile);

const ENGINE_MAJOR_NEEDED = 26;
/** Debian release that has such an Engine, added at a low priority when the machine's own release does not. */
const NEWER_SUITE = 'trixie';
const ENGINE_PACKAGES = ['docker.io', 'docker-cli', 'docker-compose'];
const OTHER_PACKAGES = ['containerd', 'runc', 'iptables', 'iproute2', 'docker-registry', 'busybox-static'];
/** Raised when what is unpacked, or how, changes: an older folder is then made anew. */
const LAYOUT = 1;
const APT_LIMIT_MS = 300_000;

/** Paths are relative to the folder that holds this record, so that a checkout or a shared cache can be moved. */
const LabLayout = z.object({
  layout: z.literal(LAYOUT),
  /** Folders to search for programs before the machine's own. */
  path: z.array(z.string()),
  library_path: z.array(z.string()),
  xtables: z.string().nullable(),
  /** Folder that the docker CLI takes as DOCKER_CONFIG: it names the unpacked Compose plugin. */
  docker_config: z.string().nullable(),
  busybox_tar: z.string(),
});

export interface LabTools {
  /** Environment in which `dockerd`, `docker`, `docker-registry`, `ip` and `iptables` are found and work. */
  readonly env: NodeJS.ProcessEnv;
  /** File system of the busybox image, as a tar archive for `docker import`. */
  readonly busyboxTar: string;
}

/**
 * Where the unpacked programs are kept: NEXUS_LAB_CACHE when set, so that several checkouts can share one copy, else
 * `.cache/lab` of this repository.
 */
function labCacheFolder(): string {
  const shared = process.env['NEXUS_LAB_CACHE'];
  return shared === undefined || shared === '' ? resolve(import.meta.dirname, '../../.cache/lab') : resolve(shared);
}

/** Why no lab can run here, found without changing anything; undefined when nothing speaks against it. */
export function findObstacle(): string | undefined {
  if (process.platform !== 'linux') return `the Docker lab needs Linux, and this is ${process.platform}`;
  if (process.geteuid?.() !== 0) return 'the Docker lab needs root to start engines and network namespaces';
  return undefined;
}

let installed: Promise<LabTools> | undefined;

/**
 * Makes sure the programs are there and says how to use them. Quick when it was done before, by this process or any
 * other. Throws with the reason when they can neither be found nor fetched.
 */
export function installLab(): Promise<LabTools> {
  installed ??= install();
  return installed;
}

async function install(): Promise<LabTools> {
  const obstacle = findObstacle();
  if (obstacle !== undefined) throw new Error(`${obstacle}.`);
  const cache = labCacheFolder();
  const ready = join(cache, 'unpacked', 'ready.json');
  const known = LabLayout.safeParse(JSON.parse(await readFile(ready, 'utf8').catch(() => 'null')));
  const layout = known.success ? known.data : await unpack(cache);
  return toTools(layout, join(cache, 'unpacked'));
}

function toTools(layout: z.infer<typeof LabLayout>, folder: string): LabTools {
  const inherited = process.env;
  const placed = (path: string): string => join(folder, path);
  const searched = [
    ...layout.path.map(placed),
    inherited['PATH'] ?? '',
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
    '/usr/bin',
    '/bin',
  ];
  const env: NodeJS.ProcessEnv = { ...inherited, PATH: searched.filter((path) => path !== '').join(':') };
  if (layout.library_path.length > 0) env['LD_LIBRARY_PATH'] = layout.library_path.map(placed).join(':');
  if (layout.xtables !== null) env['XTABLES_LIBDIR'] = placed(layout.xtables);
  if (layout.docker_config !== null) env['DOCKER_CONFIG'] = placed(layout.docker_config);
  // A caller's own daemon must never be what a lab command talks to.
  delete env['DOCKER_HOST'];
  delete env['DOCKER_CONTEXT'];
  return { env, busyboxTar: placed(layout.busybox_tar) };
}

async function unpack(cache: string): Promise<z.infer<typeof LabLayout>> {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'unpacking-'));
  const final = join(cache, 'unpacked');
  try {
    const ownEngine = await hasOwnEngine();
    const packages = ownEngine
      ? ['docker-registry', 'busybox-static', 'iproute2']
      : [...ENGINE_PACKAGES, ...OTHER_PACKAGES];
    const root = join(work, 'root');
    await mkdir(root);
    await fetchPackages(packages, join(work, 'apt'), root);
    await rm(join(work, 'apt'), { recursive: true, force: true });

    const placed = (path: string): string => relative(work, path);
    const programs = ['usr/sbin', 'usr/bin', 'sbin', 'bin'].map((folder) => join(root, folder));
    const links = join(work, 'links');
    await mkdir(links);
    await linkIptables(root, links);
    const libraries = (await findFolders(root)).filter((folder) => /\/lib\/[^/]+-linux-gnu[^/]*$/.test(folder));
    const xtables = libraries.map((folder) => join(folder, 'xtables'));
    const foundXtables = await firstExisting(xtables);
    const plugin = join(root, 'usr/libexec/docker/cli-plugins/docker-compose');
    const dockerConfig = join(work, 'docker-config');
    const hasPlugin = await exists(plugin);
    if (hasPlugin) {
      await mkdir(join(dockerConfig, 'cli-plugins'), { recursive: true });
      const link = join(dockerConfig, 'cli-plugins', 'docker-compose');
      await symlink(relative(dirname(link), plugin), link);
    }
    const busybox = await firstExisting([join(root, 'bin/busybox'), join(root, 'usr/bin/busybox'), '/bin/busybox']);
    if (busybox === undefined) throw new Error('The package busybox-static brought no busybox program.');
    const busyboxTar = join(work, 'busybox.tar');
    await packBusybox(busybox, join(work, 'image'), busyboxTar);

    const layout: z.infer<typeof LabLayout> = {
      layout: LAYOUT,
      path: [links, ...programs].map(placed),
      library_path: libraries.map(placed),
      xtables: foundXtables === undefined ? null : placed(foundXtables),
      docker_config: hasPlugin ? placed(dockerConfig) : null,
      busybox_tar: placed(busyboxTar),
    };
    await writeFile(join(work, 'ready.json'), `${JSON.stringify(layout, null, 2)}\n`);
    await replaceFolder(work, final);
    return layout;
  } catch (error) {
    throw new Error(
      `The Docker lab could not be installed: ${error instanceof Error ? error.message : String(error)}\n` +
        `Install Docker Engine ${ENGINE_MAJOR_NEEDED} or later with the Compose plugin, docker-registry and busybox-static ` +
        'by hand, or run this on Debian 12 or later with a reachable mirror.',
      { cause: error },
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Puts a finished folder in place; when another process was quicker, its result stays and ours goes. */
async function replaceFolder(work: string, final: string): Promise<void> {
  try {
    await rename(work, final);
    return;
  } catch {
    // There is one already: an older layout, or one that was finished this moment.
  }
  const other = LabLayout.safeParse(JSON.parse(await readFile(join(final, 'ready.json'), 'utf8').catch(() => 'null')));
  if (other.success) return;
  await rm(final, { recursive: true, force: true });
  await rename(work, final);
}

async function hasOwnEngine(): Promise<boolean> {
  try {
    const { stdout } = await run('dockerd', ['--version']);
    const major = Number(/version (\d+)\./.exec(stdout)?.[1] ?? Number.NaN);
    await run('docker', ['compose', 'version']);
    return major >= ENGINE_MAJOR_NEEDED;
  } catch {
    return false;
  }
}

/** Downloads `packages` and whatever else they need and the machine lacks, and unpacks all of it into `root`. */
async function fetchPackages(packages: readonly string[], work: string, root: string): Promise<void> {
  const codename = /^VERSION_CODENAME=(.+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  if (codename === undefined)
    throw new Error('/etc/os-release names no VERSION_CODENAME, so this is no Debian release.');
  const own = await readAptSources(codename);
  const [main] = own.filter((source) => source.suite === codename);
  if (main === undefined) {
    throw new Error(`The apt sources under /etc/apt name no mirror for the suite ${codename}.`);
  }
  await mkdir(join(work, 'lists', 'partial'), { recursive: true });
  await mkdir(join(work, 'archives', 'partial'), { recursive: true });
  await mkdir(join(work, 'none'));
  const sources = codename === NEWER_SUITE ? own : [...own, { ...main, suite: NEWER_SUITE }];
  await writeFile(join(work, 'sources.list'), sources.map(toSourceLine).join(''));
  await writeFile(join(work, 'preferences'), `Package: *\nPin: release n=${NEWER_SUITE}\nPin-Priority: 100\n`);

  const options = [
    `Dir::Etc::sourcelist=${join(work, 'sources.list')}`,
    `Dir::Etc::sourceparts=${join(work, 'none')}`,
    `Dir::State::lists=${join(work, 'lists')}`,
    `Dir::Cache=${work}`,
    `Dir::Cache::archives=${join(work, 'archives')}`,
    'Acquire::Languages=none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
    'Acquire::Retries=3',
    'APT::Sandbox::User=root',
    // Nothing is installed, so another apt that runs at the same time is no hindrance.
    'Debug::NoLocking=true',
  ];
  if (codename !== NEWER_SUITE) {
    options.push(
      `Dir::Etc::preferences=${join(work, 'preferences')}`,
      `Dir::Etc::preferencesparts=${join(work, 'none')}`,
    );
  }
  const apt = async (args: readonly string[]): Promise<void> => {
    await run('apt-get', [...options.flatMap((option) => ['-o', option]), '-q', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
      timeout: APT_LIMIT_MS,
      maxBuffer: 16_000_000,
    }).catch((error: unknown) => {
      // The message would begin with all the options; what apt itself says is what helps.
      const said = z.object({ stderr: z.string().min(1) }).safeParse(error);
      throw new Error(`apt-get ${args[0]} failed: ${said.success ? said.data.stderr.trim() : String(error)}`, {
        cause: error,
      });
    });
  };
  await apt(['update']);
  const pinned = packages.map((name) =>
    codename !== NEWER_SUITE && ENGINE_PACKAGES.includes(name) ? `${name}/${NEWER_SUITE}` : name,
  );
  // Reinstall, so that a package the machine already has comes along too: its programs are then in one known place.
  await apt(['install', '--download-only', '--yes', '--no-install-recommends', '--reinstall', ...pinned]);
  for (const file of await readdir(join(work, 'archives'))) {
    if (file.endsWith('.deb')) await run('dpkg-deb', ['--extract', join(work, 'archives', file), root]);
  }
}

interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly signedBy: string | undefined;
}

/** The machine's own package sources for its release (and that release's updates), from both formats apt knows. */
async function readAptSources(codename: string): Promise<AptSource[]> {
  const folder = '/etc/apt/sources.list.d';
  const listed = await readdir(folder).catch(() => []);
  const files = ['/etc/apt/sources.list', ...listed.map((name) => join(folder, name))];
  const sources: AptSource[] = [];
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (file.endsWith('.sources')) sources.push(...parseStanzas(text));
    if (file.endsWith('.list')) sources.push(...parseLines(text));
  }
  return sources.filter(({ suite }) => suite === codename || suite.startsWith(`${codename}-`));
}

function parseStanzas(text: string): AptSource[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}:[ \\t]*(.+)$`, 'im').exec(stanza)?.[1]?.trim();
    const words = (name: string): string[] => field(name)?.split(/\s+/) ?? [];
    if (!words('Types').includes('deb') || field('Enabled') === 'no') return [];
    return words('URIs').flatMap((uri) =>
      words('Suites').map((suite) => ({ uri, suite, signedBy: field('Signed-By') })),
    );
  });
}

function parseLines(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s/.exec(line.trim());
    if (match === null) return [];
    const [, options = '', uri = '', suite = ''] = match;
    return [{ uri, suite, signedBy: /signed-by=(\S+)/.exec(options)?.[1] }];
  });
}

function toSourceLine({ uri, suite, signedBy }: AptSource): string {
  const options = signedBy?.startsWith('/') ? `[signed-by=${signedBy}] ` : '';
  return `deb ${options}${uri} ${suite} main\n`;
}

/** The package's install script would make these names; unpacking does not run it. */
async function linkIptables(root: string, links: string): Promise<void> {
  const multi = await firstExisting(['usr/sbin', 'sbin'].map((folder) => join(root, folder, 'xtables-nft-multi')));
  if (multi === undefined) return;
  for (const name of ['iptables', 'ip6tables']) {
    for (const suffix of ['', '-save', '-restore'])
      await symlink(relative(links, multi), join(links, `${name}${suffix}`));
  }
}

/** Archives a root file system in which every busybox command is a link to the one program. */
async function packBusybox(busybox: string, image: string, archive: string): Promise<void> {
  for (const folder of ['bin', 'etc', 'root', 'tmp', 'var/www']) await mkdir(join(image, folder), { recursive: true });
  await copyFile(busybox, join(image, 'bin', 'busybox'));
  const { stdout } = await run(busybox, ['--list']);
  for (const command of stdout.split('\n')) {
    if (command !== '' && command !== 'busybox') await symlink('busybox', join(image, 'bin', command));
  }
  await writeFile(
    join(image, 'etc', 'passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  );
  await writeFile(join(image, 'etc', 'group'), 'root:x:0:\nnogroup:x:65534:\n');
  await run('tar', ['--numeric-owner', '--owner=0', '--group=0', '-C', image, '-cf', archive, '.']);
  await rm(image, { recursive: true, force: true });
}

async function findFolders(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function firstExisting(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path;
  return undefined;
}

if (import.meta.main) {
  const started = performance.now();
  try {
    const { busyboxTar } = await installLab();
    process.stdout.write(
      `Docker lab ready in ${dirname(busyboxTar)} (${((performance.now() - started) / 1000).toFixed(1)} s)\n`,
    );
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
