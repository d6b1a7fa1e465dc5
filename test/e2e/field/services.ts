/** Services that rows have in common, beside those of the other rollout tests. */
import { HEALTHCHECK, SICK, shell } from '../support/sample-stack.ts';
import type { ServiceKeys } from './compose-project.ts';

/** A healthcheck that calls a service unhealthy within seconds of its start. */
export const BRISK_HEALTHCHECK = { ...HEALTHCHECK, start_period: '1s', interval: '500ms' };

/** Never healthy, and soon known not to be. */
export const SOON_SICK: ServiceKeys = { runs: SICK, healthcheck: BRISK_HEALTHCHECK };

/** Healthy until it ends with this code. Without a healthcheck of its own, as most Compose files have it. */
export function endsAfter(seconds: number, exitCode: number): ServiceKeys {
  return { runs: shell(`sleep ${seconds} & wait`, `exit ${exitCode}`), healthcheck: null };
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
