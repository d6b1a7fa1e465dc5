/** Decides which services a release leaves as they are: those that `docker compose up` would leave as they are. */
import type { ProjectContainer } from '../../docker/project-container.ts';
import { failureReasonOf } from '../decide/judge-activation.ts';
import { deployedContainers } from '../decide/read-project.ts';
import type { DeploymentRecord } from './deployment-record.ts';
import type { ComposeModel, Service } from './model.ts';

/** By service: the release that its containers carry as a label. */
export type ServiceLabels = Readonly<Record<string, string>>;
/** By service: Compose's own hash of its definition, as `docker compose config --hash` prints it. */
export type ServiceHashes = Readonly<Record<string, string>>;

/**
 * The label that each service would have if nothing about it changed: that of its containers. A service without
 * containers, or with a mix of them, has none.
 */
export function findCandidates(model: ComposeModel, containers: readonly ProjectContainer[]): ServiceLabels {
  const deployed = deployedContainers(containers);
  const candidates = Object.keys(model.services).flatMap((service): [string, string][] => {
    const [first, ...others] = deployed.filter((container) => container.service === service);
    if (first === undefined || first.release === null) return [];
    return others.every(({ release }) => release === first.release) ? [[service, first.release]] : [];
  });
  return Object.fromEntries(candidates);
}

export interface LabelChoice {
  readonly model: ComposeModel;
  readonly release: string;
  readonly candidates: ServiceLabels;
  /** With the labels themselves, not with the releases that they count as. */
  readonly containers: readonly ProjectContainer[];
  readonly deployment: DeploymentRecord | null;
  /** Of each service with its candidate as its label. */
  readonly hashes: ServiceHashes;
  /** Of each service without any label of Nexus's; only of those that refer to others, see {@link refersToOthers}. */
  readonly bareHashes: ServiceHashes;
  /** By service: the id of the image that it is to run; null: not known. */
  readonly images: Readonly<Record<string, string | null>>;
  /** Networks of the project, by their names in it, that are made again. */
  readonly replacedNetworks: ReadonlySet<string>;
}

export function chooseLabels(choice: LabelChoice): ServiceLabels {
  const { model, release, candidates } = choice;
  const kept = new Set(Object.keys(candidates).filter((service) => isUnchanged(choice, service)));
  // What shares the network or the volumes of a container is made again with it.
  for (let size = -1; size !== kept.size; ) {
    size = kept.size;
    for (const service of kept) {
      if (referencesOf(model.services[service]).some((other) => !kept.has(other))) kept.delete(service);
    }
  }
  const labels = Object.keys(model.services).map((service) => [
    service,
    kept.has(service) ? (candidates[service] ?? release) : release,
  ]);
  return Object.fromEntries(labels);
}

/** Those of the services whose containers stay as they are, and are not well. */
export function findUnwell(
  services: readonly string[],
  labels: ServiceLabels,
  containers: readonly ProjectContainer[],
): string[] {
  const deployed = deployedContainers(containers);
  return services.filter((service) =>
    deployed.some(
      (container) =>
        container.service === service &&
        container.release === labels[service] &&
        // Compose can neither stop nor replace one that is paused.
        container.state !== 'paused' &&
        failureReasonOf(container, true) !== null,
    ),
  );
}

function isUnchanged(choice: LabelChoice, service: string): boolean {
  const { model, candidates, deployment, hashes, bareHashes, images, replacedNetworks } = choice;
  const definition = model.services[service];
  if (networksOf(definition).some((network) => replacedNetworks.has(network))) return false;
  const own = deployedContainers(choice.containers).filter((container) => container.service === service);
  const image = images[service] ?? null;
  if (own.some(({ imageId }) => image !== null && imageId !== image)) return false;
  if (!refersToOthers(definition)) return own.every(({ configHash }) => configHash === hashes[service]);
  // Compose puts the ids of the others' containers in their place before it hashes: only what it was told can be compared.
  const known = deployment?.services[service];
  return known !== undefined && known.label === candidates[service] && known.hash === bareHashes[service];
}

/** Whether a service shares something with containers of other services, which Compose names by their ids. */
export function refersToOthers(service: Service | undefined): boolean {
  return referencesOf(service).length > 0;
}

/** The services whose containers this one's share something of. */
function referencesOf(service: Service | undefined): string[] {
  if (service === undefined) return [];
  const { network_mode: network, ipc, pid, volumes_from: volumes } = service;
  const shared = [network, ipc, pid].flatMap((mode) => /^service:(.+)$/.exec(mode ?? '')?.[1] ?? []);
  const mounted = (volumes ?? [])
    .filter((from) => !from.startsWith('container:'))
    .map((from) => from.split(':')[0] ?? '');
  return [...shared, ...mounted];
}

/** The networks of the project that a service is in, by their names in the Compose file. */
function networksOf(service: Service | undefined): string[] {
  return Object.keys(service?.networks ?? {});
}

/** What `docker compose config --hash` prints: a line for each service, its name and its hash. */
export function parseHashes(output: string): ServiceHashes {
  const lines = output.split('\n').flatMap((line): [string, string][] => {
    const [service, hash] = line.trim().split(/\s+/);
    return service === undefined || hash === undefined ? [] : [[service, hash]];
  });
  return Object.fromEntries(lines);
}
