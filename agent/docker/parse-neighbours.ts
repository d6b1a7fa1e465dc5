import * as z from 'zod';
import { PROJECT_LABEL } from './project-container.ts';

/** A container of this host, as another project may run into it. */
export interface Neighbour {
  readonly name: string;
  /** The Compose project that it belongs to; null when it belongs to none. */
  readonly project: string | null;
  readonly usesHostNetwork: boolean;
  readonly ports: readonly PublishedPort[];
}

export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
  /** Null: every address. */
  readonly address: string | null;
}

const listSchema = z.array(
  z.object({
    Names: z.array(z.string()).nullish(),
    Labels: z.record(z.string(), z.string()).nullish(),
    HostConfig: z.object({ NetworkMode: z.string().nullish() }).nullish(),
    Ports: z
      .array(
        z.object({
          IP: z.string().nullish(),
          PublicPort: z.number().nullish(),
          Type: z.enum(['tcp', 'udp', 'sctp']).catch('tcp'),
        }),
      )
      .nullish(),
  }),
);

/** Reads `GET /containers/json?all=true` of the Engine API; null when the answer is not such a list. */
export function parseNeighbours(input: unknown): Neighbour[] | null {
  const { data } = listSchema.safeParse(input);
  if (data === undefined) return null;
  return data.map(({ Names, Labels, HostConfig, Ports }) => ({
    // A linked container also appears under its links' names (`/other/alias`): its own has one slash.
    name: (Names?.find((name) => name.lastIndexOf('/') === 0) ?? Names?.[0] ?? '').replace(/^\//, ''),
    project: Labels?.[PROJECT_LABEL] ?? null,
    usesHostNetwork: HostConfig?.NetworkMode === 'host',
    ports: (Ports ?? []).flatMap(({ IP, PublicPort, Type }) =>
      PublicPort == null ? [] : { protocol: Type, port: PublicPort, address: readAddress(IP) },
    ),
  }));
}

/** The address that a port is bound to; null for those that stand for every one. */
export function readAddress(ip: string | null | undefined): string | null {
  return ip == null || ip === '' || ip === '0.0.0.0' || ip === '::' ? null : ip;
}
