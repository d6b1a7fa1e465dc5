/** Stacks of the rollout tests: what their images do, and the Compose file around them. */
import type { ManifestBody } from '../../../src/wire/release.ts';

/** Ends at once when asked to; as process 1 a plain `sleep` would not hear. */
const ENDS_WHEN_ASKED = "trap 'exit 0' TERM";

/** Runs the commands one after the other, and ends at once when it is asked to. */
export function shell(...commands: readonly string[]): string[] {
  return ['sh', '-c', [ENDS_WHEN_ASKED, ...commands].join('; ')];
}

/** Healthy until somebody makes it sick, see `sicken`. */
export const WELL = shell('touch /ok', 'sleep 3600 & wait');

/** The same, but deaf to being asked to end: replacing such a container takes as long as its grace period. */
export const STUBBORN = ['sh', '-c', 'touch /ok; sleep 3600'];

/** Never healthy. */
export const SICK = shell('sleep 3600 & wait');

/** Healthy for good, and 1 MiB larger every second: on its own heap, so that no page cache could give it back. */
export const LEAKING = shell(
  'touch /ok',
  `awk 'BEGIN { while (1) { for (n = 0; n < 16; n++) kept[i++] = sprintf("%65536s", "x"); system("sleep 1") } }' & wait`,
);

/** Asked often until it passes for the first time, and every second from then on; one failure counts. */
export const HEALTHCHECK = {
  test: ['CMD', 'test', '-f', '/ok'],
  interval: '1s',
  timeout: '10s',
  retries: 1,
  start_period: '20s',
  start_interval: '300ms',
};

/** A Compose file: services by name, each with its image and further lines. */
export function composeFile(services: Readonly<Record<string, string>>, ...more: readonly string[]): string {
  const blocks = Object.entries(services).flatMap(([name, image]) => [
    `  ${name}:`,
    `    image: ${image}`,
    // Not 'unless-stopped': an engine that was killed takes its containers for ones that somebody stopped.
    '    restart: always',
    `    healthcheck: ${JSON.stringify(HEALTHCHECK)}`,
    ...more.map((line) => `    ${line}`),
  ]);
  return ['services:', ...blocks, ''].join('\n');
}

export function manifestOf(
  stack: string,
  version: string,
  compose: string,
  policy: ManifestBody['policy'] = {},
): ManifestBody {
  return {
    kind: 'nexus.release/1',
    stack,
    version,
    compose,
    policy: { activation_timeout_seconds: 120, soak_seconds: 3, sustained_failure_seconds: 3, ...policy },
  };
}
