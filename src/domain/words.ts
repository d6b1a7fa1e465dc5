/** The words that every sentence for a person shares: one way to write a name, a release, a count and a time span. */
import { formatInstant } from './instant.ts';
import type { HostState, TroubleClass } from './rollout.ts';

const SHORT_DIGITS = 12;

/** 12 of a digest's 64 hex digits: enough to tell releases apart by eye, and taken back as an argument. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, SHORT_DIGITS);
}

/** What names a release. `version` is null where only the digest is known. */
export interface NamedRelease {
  readonly stack: string;
  readonly version: string | null;
  readonly digest: string;
}

/** `shop 2 (28af88ad2579)`, or `shop (28af88ad2579)`: the one way in which a sentence names a release. */
export function releaseName({ stack, version, digest }: NamedRelease): string {
  return `${version === null ? stack : `${stack} ${version}`} (${shortDigest(digest)})`;
}

const SPAN_UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/**
 * Seconds in their two largest units: `38 s`, `1 min 30 s`, `2 h 5 min`. A setting of 90 s reads as that, where a
 * rounded age would read as one minute.
 */
export function formatSpan(seconds: number): string {
  let left = Math.floor(Math.max(seconds, 0));
  const parts: string[] = [];
  for (const [unit, length] of SPAN_UNITS) {
    const amount = Math.floor(left / length);
    left -= amount * length;
    if (amount > 0) parts.push(`${amount} ${unit}`);
    if (parts.length === 2 || (parts.length === 1 && amount === 0)) break;
  }
  return parts.length === 0 ? '0 s' : parts.join(' ');
}

/** `38 s ago`, or `just now` for less than a second. */
export function formatAgo(seconds: number): string {
  return seconds < 1 ? 'just now' : `${formatSpan(seconds)} ago`;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Ends a sentence that may have ended already. */
export function endSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

export function quote(name: string): string {
  return `'${name}'`;
}

/** `is offline since …, in its activation`: a host on its way in a rollout that was last heard at `sinceMs`. */
export function describeSilence(sinceMs: number, state: HostState): string {
  return `is offline since ${formatInstant(sinceMs)}, in its ${state === 'soaking' ? 'soak' : 'activation'}`;
}

/** People count waves from one. */
export function waveName(wave: number, waveCount: number): string {
  return `wave ${wave + 1} of ${waveCount}`;
}

/** `role=web zone=a`, in the order of the keys. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.keys(labels)
    .sort()
    .map((key) => `${key}=${labels[key]}`)
    .join(' ');
}

/** The line above the last `lines` log lines of a service: how it ended, as far as it has (`exitCode` null: it runs). */
export function describeEnd(service: string, exitCode: number | null, oomKilled: boolean, lines: number): string {
  const memory = oomKilled ? ' because it was out of memory' : '';
  const end = exitCode === null ? '' : ` ended with code ${exitCode}${memory}, and`;
  return `service ${quote(service)}${end} ${lines === 0 ? 'has printed nothing' : 'printed last:'}`;
}

const TROUBLES: Readonly<Record<TroubleClass, string>> = {
  registry: 'trouble with its registry',
  credentials: 'missing credentials for its registry',
  disk: 'a full disk',
  port: 'a port that is taken',
  name: 'a name that is taken',
  network: 'trouble with its networks or volumes',
  compose: 'trouble with Docker Compose',
  engine: 'trouble with its Docker Engine',
  foreign_project: 'a project of that name that Nexus has not deployed',
  queue: 'other stacks that are changed first',
};

/** What kept a host from its release, as an object: `trouble with its registry`. */
export function describeTrouble(trouble: TroubleClass): string {
  return TROUBLES[trouble];
}
