/** The containers of a Compose project as the engine itself describes them. */
import * as z from 'zod';
import type { Engine } from '../../../scripts/lab/engine.ts';

const listSchema = z.array(z.object({ Id: z.string() }));

/** Engine API, `GET /containers/{id}/json`. */
const inspectionSchema = z.object({
  Id: z.string(),
  Name: z.string(),
  Image: z.string(),
  RestartCount: z.number(),
  State: z.object({
    Status: z.string(),
    ExitCode: z.number(),
    OOMKilled: z.boolean(),
    StartedAt: z.string(),
    Health: z.object({ Status: z.string() }).optional(),
  }),
  Config: z.object({ Labels: z.record(z.string(), z.string()) }),
  Mounts: z.array(z.object({ Type: z.string(), Source: z.string(), Destination: z.string() })),
});

export interface SeenContainer {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  /** Id of its image: what its bytes are, whatever the name says. */
  readonly imageId: string;
  /** `running`, `exited`, `created`… */
  readonly state: string;
  /** Of its last end; 0 while it has not ended. */
  readonly exitCode: number;
  readonly isOutOfMemory: boolean;
  readonly restartCount: number;
  /** `healthy`…; null: it has no healthcheck. */
  readonly health: string | null;
  readonly startedAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly { readonly type: string; readonly source: string; readonly destination: string }[];
}

/** All of them, stopped ones too, by name; those of `docker compose run` are left out. */
export async function inspectProject(engine: Pick<Engine, 'call'>, project: string): Promise<SeenContainer[]> {
  const label = [`com.docker.compose.project=${project}`, 'com.docker.compose.oneoff=False'];
  const filters = encodeURIComponent(JSON.stringify({ label }));
  const listed = await engine.call({ path: `/containers/json?all=true&filters=${filters}` });
  const containers = await Promise.all(
    listSchema.parse(listed.body).map(async ({ Id }) => {
      const { body } = await engine.call({ path: `/containers/${Id}/json` });
      return toSeen(inspectionSchema.parse(body));
    }),
  );
  return containers.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function toSeen({
  Id,
  Name,
  Image,
  RestartCount,
  State,
  Config,
  Mounts,
}: z.output<typeof inspectionSchema>): SeenContainer {
  return {
    id: Id,
    name: Name.replace(/^\//, ''),
    service: Config.Labels['com.docker.compose.service'] ?? '',
    imageId: Image,
    state: State.Status,
    exitCode: State.ExitCode,
    isOutOfMemory: State.OOMKilled,
    restartCount: RestartCount,
    health: State.Health?.Status ?? null,
    startedAt: State.StartedAt,
    labels: Config.Labels,
    mounts: Mounts.map(({ Type, Source, Destination }) => ({ type: Type, source: Source, destination: Destination })),
  };
}
