/** What really runs, asked of the engine and of nobody else. */
import * as z from 'zod';
import type { Engine } from '../../../scripts/lab/engine.ts';

const listSchema = z.array(
  z.object({
    Id: z.string(),
    Names: z.array(z.string()),
    Image: z.string(),
    ImageID: z.string(),
    State: z.string(),
    Labels: z.record(z.string(), z.string()),
  }),
);

export interface DeployedContainer {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly imageId: string;
  readonly state: string;
  /** What its label says; null when it has none. */
  readonly release: string | null;
}

/** Every container of a Compose project, stopped ones too, by name. */
export async function readStack(engine: Engine, stack: string): Promise<DeployedContainer[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`com.docker.compose.project=${stack}`] }));
  const { body } = await engine.call({ path: `/containers/json?all=true&filters=${filters}` });
  return listSchema
    .parse(body)
    .map((container) => ({
      id: container.Id,
      name: (container.Names[0] ?? '').replace(/^\//, ''),
      image: container.Image,
      imageId: container.ImageID,
      state: container.State,
      release: container.Labels['nexus.release'] ?? null,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Makes the healthcheck of these containers fail from now on: it asks for a file that each of them made when it started.
 * By hand and not after some seconds, for on a busy machine those may be over before the activation is.
 */
export async function sicken(engine: Engine, ...containers: readonly string[]): Promise<void> {
  for (const container of containers) await engine.docker(['exec', container, 'rm', '/ok']);
}

/** Each container as `name release-or-nothing image state`, with releases by the names that the test gives them. */
export async function describeStack(
  engine: Engine,
  stack: string,
  releases: Readonly<Record<string, string>>,
): Promise<string[]> {
  const nameOf = (release: string | null): string =>
    Object.entries(releases).find(([, digest]) => digest === release)?.[0] ?? release ?? 'unlabelled';
  const containers = await readStack(engine, stack);
  return containers.map(({ name, release, image, state }) => `${name} ${nameOf(release)} ${image} ${state}`);
}
