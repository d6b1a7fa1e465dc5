/** Compose files of rows, and what their containers have to look like on an engine. */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import { HEALTHCHECK } from '../support/sample-stack.ts';
import type { SeenContainer } from './project-containers.ts';

/** A name for an image, and the image that it stands for; null: the row does not know which one. */
export interface ServiceImage {
  readonly reference: string;
  readonly id: string | null;
}

/**
 * What a service's image runs, which is an image of its own for each command, or that and keys of Compose over the
 * defaults of {@link composeService}; null takes a default away.
 */
export type ServiceSpec = readonly string[] | ServiceKeys;

export interface ServiceKeys {
  readonly runs?: readonly string[];
  /** Instead of `runs`. */
  readonly image?: string | ServiceImage;
  readonly [key: string]: unknown;
}

export type Services = Readonly<Record<string, ServiceSpec>>;

/** What the containers of one service have to be. Their numbers are Compose's own affair: it fills no gaps. */
export interface ServiceTraits {
  /** Changes when anything in the service's own definition does. */
  readonly definition: string;
  /** Null: the image is not one that the row knows. */
  readonly imageId: string | null;
  readonly replicas: number;
  /** It ends by itself, and well. */
  readonly isJob: boolean;
}

/** Says which definition of its service a container was made from, whatever labels Nexus itself uses. */
const DEFINITION_LABEL = 'field.definition';

export function keysOf(spec: ServiceSpec): ServiceKeys {
  return isCommand(spec) ? { runs: spec } : spec;
}

/** The service as the Compose file has it: always restarted and with a healthcheck, unless its spec says otherwise. */
export function composeService(spec: ServiceSpec, { reference }: ServiceImage): Record<string, unknown> {
  const { runs: _, image: __, ...more } = keysOf(spec);
  const all = { image: reference, restart: 'always', healthcheck: HEALTHCHECK, ...more };
  const keys: Record<string, unknown> = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
  return { ...keys, labels: { ...asRecord(keys['labels']), [DEFINITION_LABEL]: definitionOf(keys) } };
}

export function traitsOf(service: Readonly<Record<string, unknown>>, image: ServiceImage): ServiceTraits {
  const isHidden = Array.isArray(service['profiles']) && service['profiles'].length > 0;
  const { replicas } = asRecord(service['deploy']);
  return {
    definition: String(asRecord(service['labels'])[DEFINITION_LABEL]),
    imageId: image.id,
    replicas: isHidden ? 0 : Number(replicas ?? service['scale'] ?? 1),
    isJob: service['restart'] === 'no' || String(service['restart']).startsWith('on-failure'),
  };
}

export function composeText(
  services: Readonly<Record<string, unknown>>,
  top: Readonly<Record<string, unknown>>,
): string {
  return stringify({ services, ...top });
}

/** What an engine has to show of these services, one line per container. */
export function expectedLines(services: Readonly<Record<string, ServiceTraits>>): string[] {
  return Object.entries(services)
    .flatMap(([name, { definition, imageId, replicas, isJob }]) =>
      Array.from({ length: replicas }, () =>
        lineOf(name, definition, imageId ?? '', isJob ? 'exited with 0' : 'running'),
      ),
    )
    .sort();
}

/** The same of what it does show. */
export function seenLines(containers: readonly SeenContainer[]): string[] {
  return containers
    .map(({ service, labels, imageId, state, exitCode, health }) =>
      lineOf(service, labels[DEFINITION_LABEL] ?? 'somebody else', imageId, stateOf(state, exitCode, health)),
    )
    .sort();
}

/** Only a container that is not known to be unwell is just `running`. */
function stateOf(state: string, exitCode: number, health: string | null): string {
  if (state === 'exited') return `exited with ${exitCode}`;
  return state !== 'running' || health === null || health === 'healthy' ? state : `${state} and ${health}`;
}

function lineOf(service: string, definition: string, imageId: string, state: string): string {
  return `${service} is ${state}, made from ${definition} with ${imageId.replace('sha256:', '').slice(0, 12)}`;
}

function isCommand(spec: ServiceSpec): spec is readonly string[] {
  return Array.isArray(spec);
}

/** How many containers there are changes none of them. */
function definitionOf({ scale: _, ...keys }: Readonly<Record<string, unknown>>): string {
  return createHash('sha256').update(JSON.stringify(keys)).digest('hex').slice(0, 8);
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
