/**
 * The scripts inside the executable. Each is bundled by itself, so that a process or thread loads only what its role
 * needs; bootstrap.cjs chooses by the same names.
 */
export interface Part {
  readonly name: 'nexus' | 'agent' | 'reader';
  /** Relative to the repository's root. */
  readonly entry: string;
  /** A run whose functions go into the code cache; null where only the start of the script does. */
  readonly warmUp: WarmUp | null;
  /** Flags of V8 for this part alone, beside V8_FLAGS. */
  readonly v8Flags?: readonly string[];
}

export interface WarmUp {
  /** Arguments of a command that touches nothing outside of `folder`. */
  readonly argsIn: (folder: string) => readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What it ends with. */
  readonly exitCode: number;
}

export const PARTS: readonly Part[] = [
  { name: 'nexus', entry: 'bin/nexus.ts', warmUp: { argsIn: () => ['--help'], env: {}, exitCode: 0 } },
  {
    name: 'agent',
    entry: 'bin/agent.ts',
    warmUp: {
      // A whole tick, to a server that is not there.
      argsIn: (folder) => ['agent', '--once', '--docker-host', `unix://${folder}/none.sock`, '--state-dir', folder],
      env: { NEXUS_URL: 'http://127.0.0.1:1', NEXUS_AGENT_TOKEN: 'nxa_warm-up' },
      exitCode: 1,
    },
    // A tick takes a few milliseconds every half a minute, and never earns back what optimizing its code costs: the
    // compilers leave 3 MiB of freed memory behind in every agent.
    v8Flags: ['--no-opt', '--no-maglev'],
  },
  { name: 'reader', entry: 'src/intake/reader-thread.ts', warmUp: null },
];
