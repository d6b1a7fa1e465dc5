/** Programs of the operating system that some tests need beside what `npm ci` installs. README lists them. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

interface Tool {
  readonly debianPackage: string;
  isThere(): boolean;
}

const runs =
  (program: string, ...args: readonly string[]) =>
  (): boolean =>
    spawnSync(program, args, { stdio: 'ignore' }).status === 0;

const TOOLS = {
  strace: { debianPackage: 'strace', isThere: runs('strace', '-o', '/dev/null', 'true') },
  promtool: { debianPackage: 'prometheus', isThere: runs('promtool', '--version') },
  prometheus: { debianPackage: 'prometheus', isThere: runs('prometheus', '--version') },
  'victoria-metrics': { debianPackage: 'victoria-metrics', isThere: runs('victoria-metrics', '--version') },
  'systemd-analyze': { debianPackage: 'systemd', isThere: runs('systemd-analyze', '--version') },
  libfaketime: { debianPackage: 'libfaketime', isThere: () => findFaketime() !== undefined },
} satisfies Readonly<Record<string, Tool>>;

export type ToolName = keyof typeof TOOLS;
export const TOOL_NAMES = Object.keys(TOOLS) as readonly ToolName[];

/** The library that gives a process a clock of its own, to be preloaded. */
export function findFaketime(): string | undefined {
  return globSync('/usr/lib/*/faketime/libfaketime.so.1')[0];
}

/**
 * For a test's options: `false` when the tool is there, otherwise why the test is skipped. Throws instead where
 * NEXUS_REQUIRE_TOOLS=1, as on CI, where nothing may be skipped.
 */
export function skipWithoutTool(name: ToolName): string | false {
  const { debianPackage, isThere } = TOOLS[name];
  if (isThere()) return false;
  const obstacle = `${name} is not installed, or cannot be used here (Debian package ${debianPackage})`;
  if (process.env['NEXUS_REQUIRE_TOOLS'] === '1') throw new Error(`NEXUS_REQUIRE_TOOLS=1, but ${obstacle}`);
  return obstacle;
}
