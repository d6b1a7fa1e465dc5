/**
 * Room → what it may import: rooms, packages, `node:` (any built-in). A room may always import itself. The rooms stand in
 * the order of their floors: each imports only from those above it in this table. The README's table says the same.
 */
export const MAY_IMPORT = {
  'src/domain': [],
  'src/runtime': ['src/domain'],
  'src/rollout': ['src/domain'],
  'src/telemetry': ['src/domain'],
  'src/history': ['src/domain', 'src/telemetry'],
  'src/trust': ['src/domain', 'node:', 'canonicalize'],
  'src/pki': ['src/domain', 'src/trust', 'node:'],
  'src/wire': ['src/domain', 'zod'],
  'src/explain': ['src/domain', 'src/wire'],
  'src/server': [
    'src/domain',
    'src/rollout',
    'src/telemetry',
    'src/history',
    'src/trust',
    'node:',
    'fastest-levenshtein',
  ],
  'src/intake': ['src/domain', 'src/telemetry', 'src/wire', 'node:'],
  'src/sqlite': ['src/domain', 'src/rollout', 'src/telemetry', 'src/history', 'node:', 'better-sqlite3'],
  'src/memory': ['src/domain', 'src/rollout', 'src/telemetry', 'src/history'],
  'src/http': [
    'src/domain',
    'src/runtime',
    'src/trust',
    'src/wire',
    'node:',
    'zod',
    'find-my-way',
    'prom-client',
    'yaml',
  ],
  'src/export': ['src/domain', 'hyparquet-writer'],
  'src/remote-write': ['src/domain', 'src/runtime', 'src/telemetry', 'src/export', 'hyparquet-writer'],
  'src/client': ['src/domain', 'src/runtime', 'src/wire', 'node:', 'undici', 'zod'],
  agent: ['src/domain', 'src/runtime', 'src/rollout', 'src/wire', 'node:', 'zod'],
  'src/main.ts': [
    'src/domain',
    'src/runtime',
    'src/trust',
    'src/server',
    'src/intake',
    'src/sqlite',
    'src/pki',
    'src/http',
    'src/export',
    'src/remote-write',
    'node:',
  ],
  'src/cli': [
    'src/domain',
    'src/runtime',
    'src/wire',
    'src/explain',
    'src/client',
    'agent',
    'src/main.ts',
    'node:',
    'commander',
    'cli-table3',
    'fastest-levenshtein',
    'yaml',
  ],
  bin: ['src/domain', 'src/cli', 'node:'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type Room = keyof typeof MAY_IMPORT;

export const ROOMS = Object.keys(MAY_IMPORT) as readonly Room[];

/**
 * Rooms without clock, randomness, environment, input and output: what they are told is all that they know. Of `node:`
 * they may use functions whose result depends on their arguments alone.
 */
export const PURE_ROOMS: readonly Room[] = [
  'src/domain',
  'src/rollout',
  'src/telemetry',
  'src/history',
  'src/trust',
  'src/explain',
];

export const PURE_BUILT_INS: Readonly<Record<string, readonly string[]>> = {
  'node:crypto': ['hash', 'KeyObject', 'timingSafeEqual'],
  'node:zlib': ['crc32'],
};

export function roomOf(file: string): Room | undefined {
  return ROOMS.find((room) => file === room || file.startsWith(`${room}/`));
}
