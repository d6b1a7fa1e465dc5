import * as z from 'zod';
import { parseInstant } from '../../src/domain/instant.ts';
import {
  CONFIG_HASH_LABEL,
  ONE_OFF_LABEL,
  type ProjectContainer,
  RELEASE_LABEL,
  REPLACE_LABEL,
  SERVICE_LABEL,
} from './project-container.ts';

const listSchema = z.array(z.object({ Id: z.string().min(1) }));

const inspectionSchema = z.object({
  Id: z.string().min(1),
  Name: z.string(),
  Image: z.string().default(''),
  Created: z.string().default(''),
  RestartCount: z.number().default(0),
  State: z.object({
    Status: z.enum(['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']),
    ExitCode: z.number().default(0),
    OOMKilled: z.boolean().default(false),
    StartedAt: z.string().default(''),
    Health: z
      .object({
        Status: z.string(),
        Log: z.array(z.object({ Output: z.string().default('') })).nullish(),
      })
      .nullish(),
  }),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
});

/** The ids in `GET /containers/json`; null when the answer is not such a list. */
export function parseContainerIds(input: unknown): string[] | null {
  return listSchema.safeParse(input).data?.map(({ Id }) => Id) ?? null;
}

/** Reads `GET /containers/{id}/json` of the Engine API; null when the answer cannot be used. */
export function parseProjectContainer(input: unknown): ProjectContainer | null {
  const { data } = inspectionSchema.safeParse(input);
  if (data === undefined) return null;
  const labels = data.Config.Labels ?? {};
  const health = data.State.Health?.Status;
  // The engine's zero date is the year 1: it means never.
  const startedAtMs = parseInstant(data.State.StartedAt) ?? 0;
  return {
    id: data.Id,
    name: data.Name.replace(/^\//, ''),
    service: labels[SERVICE_LABEL] ?? '',
    release: labels[RELEASE_LABEL] ?? null,
    isOneOff: labels[ONE_OFF_LABEL] === 'True',
    state: data.State.Status,
    health: health === 'starting' || health === 'healthy' || health === 'unhealthy' ? health : null,
    healthOutput: data.State.Health?.Log?.at(-1)?.Output ?? '',
    exitCode: data.State.ExitCode,
    oomKilled: data.State.OOMKilled,
    restartCount: data.RestartCount,
    createdAtMs: parseInstant(data.Created) ?? 0,
    startedAtMs: startedAtMs > 0 ? startedAtMs : null,
    replaces: labels[REPLACE_LABEL] ?? null,
    imageId: data.Image,
    configHash: labels[CONFIG_HASH_LABEL] ?? null,
  };
}
