/** Services that rows have in common, beside those of the other rollout tests. */
import { HEALTHCHECK, SICK, shell } from '../support/sample-stack.ts';
import type { ServiceKeys } from './compose-project.ts';

/** A healthcheck that calls a service unhealthy within seconds of its start. */
export const BRISK_HEALTHCHECK = { ...HEALTHCHECK, start_period: '1s', interval: '500ms' };

/** As well as the other one, by an image of its own. */
export const ALSO_WELL = shell('touch /ok', ': two', 'sleep 3600 & wait');

/** Never healthy, and soon known not to be. */
export const SOON_SICK: ServiceKeys = { runs: SICK, healthcheck: BRISK_HEALTHCHECK };

/** Healthy, and goes on with the commands once it is told to, see `tell`; after each restart it has been told already. */
export function onceTold(...commands: readonly string[]): string[] {
  return shell('touch /ok', 'until test -f /told; do sleep 1; done', ...commands);
}

/** Does its work once and ends with this code: a migration of a database, say. */
export function job(exitCode: number, work = 'true'): ServiceKeys {
  return { runs: ['sh', '-c', `${work}; exit ${exitCode}`], restart: 'no', healthcheck: null };
}

/** Healthy where the volume `flags` holds the file `flag`. */
export const FLAGGED: ServiceKeys = {
  runs: shell('sleep 3600 & wait'),
  volumes: ['flags:/flags'],
  healthcheck: { ...BRISK_HEALTHCHECK, test: ['CMD', 'test', '-f', '/flags/flag'] },
};

/** Serves the files below /www on port 80, and is healthy. */
export const PAGES = shell(
  'mkdir -p /www',
  'echo fine > /www/index.html',
  'touch /ok',
  'httpd -f -p 80 -h /www & wait',
);

/** A migration that fails the second time, as its table is there already. It keeps a count of its runs in /data. */
export const ONLY_ONCE: ServiceKeys = {
  runs: ['sh', '-c', 'echo run >> /data/runs; test "$(wc -l < /data/runs)" -eq 1'],
  restart: 'no',
  healthcheck: null,
};
