import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { settingOf, type Terminal } from '../terminal/terminal.ts';

/** The default: a system service runs as root, everyone else has a home directory. */
function defaultDataDirectory(terminal: Terminal, userId: number | undefined): string {
  if (userId === 0) return '/var/lib/nexus';
  // The XDG Base Directory specification has relative paths ignored.
  const stateHome = settingOf(terminal, 'XDG_STATE_HOME');
  if (stateHome?.startsWith('/')) return join(stateHome, 'nexus');
  // Without HOME, homedir() asks the password database.
  return join(homedir(), '.local', 'state', 'nexus');
}

/** The absolute data directory: `--data`, then NEXUS_DATA, then the default. */
export function dataDirectoryOf(flag: string | undefined, terminal: Terminal, userId = process.getuid?.()): string {
  return resolve(flag ?? settingOf(terminal, 'NEXUS_DATA') ?? defaultDataDirectory(terminal, userId));
}

/** Where the operator API's socket is in a data directory. */
export function operatorSocketOf(dataDir: string): string {
  return join(dataDir, 'nexus.sock');
}
