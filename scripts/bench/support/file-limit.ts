import { readFileSync } from 'node:fs';

/** How many files a process started here may hold open; node raises itself to the hard limit. */
function openFileLimit(): number {
  const line = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return line === undefined || line === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line);
}

/** Throws, and says what to do, where `count` connections cannot be held. */
export function requireFiles(count: number): void {
  const limit = openFileLimit();
  if (limit >= count) return;
  throw new Error(
    `${count} open files are needed and ${limit} are allowed: run 'ulimit -n ${count}' first, or ask for fewer hosts with --hosts`,
  );
}
