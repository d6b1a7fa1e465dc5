/** The part of a resolved Compose project that a rollout looks at, and the labels that it adds. */
import * as z from 'zod';
import { NexusError } from '../../../src/domain/errors.ts';
import { RELEASE_LABEL } from '../../docker/project-container.ts';
import type { Plan } from '../record/stack-record.ts';

const mountSchema = z.looseObject({
  type: z.string().optional(),
  source: z.string().optional(),
  read_only: z.boolean().optional(),
});
const fileUseSchema = z.looseObject({ source: z.string().optional() });

const serviceSchema = z.looseObject({
  image: z.string().optional(),
  pull_policy: z.string().optional(),
  restart: z.string().optional(),
  scale: z.number().optional(),
  container_name: z.string().optional(),
  ports: z
    .array(
      z.looseObject({
        published: z.union([z.string(), z.number()]).nullish(),
        host_ip: z.string().nullish(),
        protocol: z.string().nullish(),
      }),
    )
    .nullish(),
  labels: z.record(z.string(), z.unknown()).nullish(),
  volumes: z.array(mountSchema).nullish(),
  configs: z.array(fileUseSchema).nullish(),
  secrets: z.array(fileUseSchema).nullish(),
  networks: z.record(z.string(), z.unknown()).nullish(),
  network_mode: z.string().nullish(),
  ipc: z.string().nullish(),
  pid: z.string().nullish(),
  volumes_from: z.array(z.string()).nullish(),
  depends_on: z.record(z.string(), z.looseObject({ condition: z.string().optional() })).nullish(),
  deploy: z
    .looseObject({
      mode: z.string().optional(),
      replicas: z.number().optional(),
      restart_policy: z.looseObject({ condition: z.string().optional() }).nullish(),
    })
    .nullish(),
});
export type Service = z.output<typeof serviceSchema>;

const fileSchema = z.looseObject({ file: z.string().optional() });
/** Networks and volumes are declared by their names in the file; `name` is the one on the host. */
const declaredShape = { name: z.string().optional(), external: z.boolean().optional().catch(undefined) };
const networkSchema = z.looseObject(declaredShape).nullable();
const volumeSchema = z
  .looseObject({ ...declaredShape, driver_opts: z.record(z.string(), z.unknown()).nullish() })
  .nullable();

const modelSchema = z.looseObject({
  services: z.record(z.string(), serviceSchema),
  configs: z.record(z.string(), fileSchema).nullish(),
  secrets: z.record(z.string(), fileSchema).nullish(),
  networks: z.record(z.string(), networkSchema).nullish(),
  volumes: z.record(z.string(), volumeSchema).nullish(),
});
export type ComposeModel = z.output<typeof modelSchema>;

/** What `docker compose config --format json` printed. Throws `invalid` when it is no project with services. */
export function parseComposeModel(text: string): ComposeModel {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new NexusError('invalid', 'Docker Compose did not print the resolved project as JSON', { cause });
  }
  const { data } = modelSchema.safeParse(json);
  if (data === undefined || Object.keys(data.services).length === 0) {
    throw new NexusError('invalid', 'the Compose file has no service that would run; are all of them in profiles?');
  }
  return data;
}

/**
 * Labels every service with a release, or with none where `labels` has none for it. Profiles were applied when the
 * project was resolved, and would hide services now.
 */
export function labelServices(model: ComposeModel, labels: Readonly<Record<string, string>>): ComposeModel {
  const services = Object.entries(model.services).map(([name, { profiles: _, ...service }]) => {
    const { [RELEASE_LABEL]: __, ...others } = service.labels ?? {};
    const own = Object.hasOwn(labels, name) ? { ...others, [RELEASE_LABEL]: labels[name] } : others;
    return [name, Object.keys(own).length === 0 ? withoutLabels(service) : { ...service, labels: own }] as const;
  });
  return { ...model, services: Object.fromEntries(services) };
}

function withoutLabels({ labels: _, ...service }: Service): Service {
  return service;
}

/** The services that are to have containers, by name. */
export function listServices(model: ComposeModel): Plan['services'] {
  const awaited = new Set(
    Object.values(model.services).flatMap(({ depends_on }) =>
      Object.entries(depends_on ?? {})
        .filter(([, { condition }]) => condition === 'service_completed_successfully')
        .map(([name]) => name),
    ),
  );
  return Object.entries(model.services)
    .filter(([, service]) => replicasOf(service) > 0)
    .map(([name, service]) => {
      const isJob = awaited.has(name) || endsByItself(service);
      const replicas = replicasOf(service);
      return { name, isJob, ...(replicas === 1 ? {} : { replicas }) };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function replicasOf({ deploy, scale }: Service): number {
  return deploy?.replicas ?? scale ?? 1;
}

/** Whether the service says that ending with code 0 is fine. Leaving `restart` out says nothing: it is the default. */
function endsByItself({ restart, deploy }: Service): boolean {
  if (restart === 'no' || restart?.startsWith('on-failure') === true) return true;
  if (deploy?.mode?.endsWith('-job') === true) return true;
  const condition = deploy?.restart_policy?.condition;
  return condition === 'none' || condition === 'on-failure';
}

export interface ServiceImage {
  readonly service: string;
  readonly reference: string;
  readonly policy: 'always' | 'never' | 'missing' | null;
  /** It can be built, so it need not be in any registry. */
  readonly isBuilt: boolean;
}

/** What each service runs. A service without an image name is built here and never pulled. */
export function listImages(model: ComposeModel): ServiceImage[] {
  return Object.entries(model.services).flatMap(([service, { image, pull_policy, build }]) =>
    image === undefined
      ? []
      : { service, reference: image, policy: readPolicy(pull_policy), isBuilt: build !== undefined && build !== null },
  );
}

function readPolicy(text: string | undefined): ServiceImage['policy'] {
  if (text === undefined) return null;
  if (text === 'always' || text === 'never') return text;
  // `build`, `daily`, `weekly` and policies to come: an image that is present will do.
  return 'missing';
}
