/** Takes away everything that a row has left on an engine, so that the next row finds it as if it were new. */
import * as z from 'zod';
import type { Engine } from '../../../scripts/lab/engine.ts';
import type { EngineAnswer, EngineCall } from '../../../scripts/lab/engine-api.ts';

/** An engine that has not let go of something by then never will. */
const CALL_LIMIT_MS = 120_000;

/** On everything that a story makes beside its stack. */
export const ROW_LABEL = 'field.row';

const containersSchema = z.array(z.object({ Id: z.string() }));
const networksSchema = z.array(z.object({ Id: z.string() }));
const volumesSchema = z.object({ Volumes: z.array(z.object({ Name: z.string() })).nullable() });
const imagesSchema = z.array(
  z.object({
    Id: z.string(),
    RepoTags: z.array(z.string()).nullable(),
    RepoDigests: z.array(z.string()).nullable(),
    Labels: z.record(z.string(), z.string()).nullable(),
  }),
);

export interface RowRemains {
  /** The row's own stack, and the value of {@link ROW_LABEL}. */
  readonly stack: string;
  /** All Compose projects of the row. */
  readonly projects: Iterable<string>;
  /** Of the row's registry: every image that came from there goes. */
  readonly registryAddress: string;
}

/** Throws when the engine does not let go of something. */
export async function cleanUp(engine: Engine, { stack, projects, registryAddress }: RowRemains): Promise<void> {
  const call = (wanted: EngineCall): Promise<EngineAnswer> =>
    engine.call({ ...wanted, signal: AbortSignal.timeout(CALL_LIMIT_MS) });
  const ofProjects = [...projects].map((project) => `com.docker.compose.project=${project}`);
  for (const label of [...ofProjects, `${ROW_LABEL}=${stack}`]) {
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
    const remove = (path: string): Promise<unknown> => call({ method: 'DELETE', path });
    const { body: containers } = await call({ path: `/containers/json?all=true&filters=${filters}` });
    await Promise.all(
      containersSchema.parse(containers).map(({ Id }) => remove(`/containers/${Id}?force=true&v=true`)),
    );
    const { body: networks } = await call({ path: `/networks?filters=${filters}` });
    await Promise.all(networksSchema.parse(networks).map(({ Id }) => remove(`/networks/${Id}`)));
    const { body: volumes } = await call({ path: `/volumes?filters=${filters}` });
    await Promise.all(
      (volumesSchema.parse(volumes).Volumes ?? []).map(({ Name }) => remove(`/volumes/${Name}?force=true`)),
    );
  }
  const { body: images } = await call({ path: '/images/json' });
  for (const { Id, RepoTags, RepoDigests, Labels } of imagesSchema.parse(images)) {
    const names = [...(RepoTags ?? []), ...(RepoDigests ?? [])];
    const isOurs =
      names.some((name) => name.startsWith(`${registryAddress}/`)) ||
      Labels?.['nexus.lab.image']?.startsWith(`${stack}/`) === true;
    if (isOurs) await call({ method: 'DELETE', path: `/images/${encodeURIComponent(Id)}?force=true` });
  }
}
