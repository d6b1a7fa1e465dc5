/** `/v1/stacks`: which release is to run on which host, and what does run there. */
import * as z from 'zod';

const namedReleaseSchema = z.object({ release: z.string(), version: z.string().nullable() });

const stackServiceSchema = z.object({
  service: z.string(),
  /** Containers of it that run, and all there are. */
  running: z.number(),
  containers: z.number(),
  images: z.array(z.string()),
});

const driftSchema = z.object({
  since: z.string(),
  /** Sentences, one for each difference. */
  findings: z.array(z.string()),
});

const stackHostBodySchema = z.object({
  stack: z.string(),
  host: z.string(),
  status: z.enum(['pending', 'online', 'offline', 'degraded', 'archived']),
  /** The release of the rollout that is still to reach the host, or else what the last one brought. */
  desired: namedReleaseSchema.nullable(),
  /** What runs, as the agent reported it last. */
  observed: namedReleaseSchema.nullable(),
  since: z.string().nullable(),
  rollout_id: z.string(),
  services: z.array(stackServiceSchema),
  /** Whether what runs has been compared with what was deployed: not before the host has reported since. */
  watched: z.boolean(),
  drift: driftSchema.nullable(),
});
export type StackHostBody = z.output<typeof stackHostBodySchema>;

export const stackBodySchema = z.object({ stack: z.string(), hosts: z.array(stackHostBodySchema) });
export type StackBody = z.output<typeof stackBodySchema>;

/** `GET /v1/hosts/{name}/stacks`. */
export const hostStacksBodySchema = z.object({ stacks: z.array(stackHostBodySchema) });
export type HostStacksBody = z.output<typeof hostStacksBodySchema>;

const stackSummaryBodySchema = z.object({
  stack: z.string(),
  /** Hosts by what they run; a null release: nothing. */
  releases: z.array(z.object({ release: z.string().nullable(), version: z.string().nullable(), hosts: z.number() })),
  hosts: z.number(),
  /** Hosts that run something else than they are to. */
  behind: z.number(),
  drifted: z.number(),
});
export type StackSummaryBody = z.output<typeof stackSummaryBodySchema>;

export const stackListBodySchema = z.object({ stacks: z.array(stackSummaryBodySchema) });
export type StackListBody = z.output<typeof stackListBodySchema>;

/** `POST /v1/stacks/{stack}/undo`: the rollouts that go back, and the hosts that none of them reaches. */
export const undoneStackBodySchema = z.object({
  stack: z.string(),
  rollouts: z.array(z.string()),
  /** `reason`: a sentence without its subject, the host, and without its full stop. */
  not_undone: z.array(z.object({ host: z.string(), reason: z.string() })),
});
export type UndoneStackBody = z.output<typeof undoneStackBodySchema>;
