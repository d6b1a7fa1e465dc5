/**
 * Finds out before anything is changed whether something of this host is in the way of a release: what runs now can go
 * on then until it is out of the way. Everything here is a fact that the engine or the kernel states.
 */

import { type Neighbour, type PublishedPort, readAddress } from '../../docker/parse-neighbours.ts';
import type { Listener } from '../../kernel/parse-listeners.ts';
import type { Trouble } from '../decide/classify-trouble.ts';
import type { ComposeModel } from './model.ts';

/** What a project takes for granted of its host, or wants for itself there. */
export interface HostNeeds {
  readonly ports: readonly PublishedPort[];
  readonly containerNames: readonly string[];
  /** By the names that they have on the host. */
  readonly externalNetworks: readonly string[];
  readonly externalVolumes: readonly string[];
}

export interface HostOccupancy {
  /** Every container of the host, those of the project included. */
  readonly neighbours: readonly Neighbour[];
  /** Sockets of the network namespace that the agent is in; empty when that is not the engine's. */
  readonly listeners: readonly Listener[];
  /** External networks and volumes that are not there. */
  readonly missingNetworks: readonly string[];
  readonly missingVolumes: readonly string[];
}

export function readNeeds({ services, networks, volumes }: ComposeModel): HostNeeds {
  const all = Object.values(services);
  return {
    ports: all.flatMap(({ ports }) => (ports ?? []).flatMap(readPort)),
    containerNames: all.flatMap(({ container_name }) => container_name ?? []),
    externalNetworks: externalNames(networks),
    externalVolumes: externalNames(volumes),
  };
}

/** A range is left to the engine, which takes any port of it that is free. */
function readPort({ published, host_ip, protocol }: NonNullable<ComposeModel['services'][string]['ports']>[number]) {
  const port = Number(published ?? '');
  if (!Number.isInteger(port) || port < 1) return [];
  return [
    {
      protocol: protocol === 'udp' || protocol === 'sctp' ? protocol : 'tcp',
      port,
      address: readAddress(host_ip),
    } as const,
  ];
}

function externalNames(declared: ComposeModel['networks']): string[] {
  return Object.entries(declared ?? {}).flatMap(([key, spec]) => (spec?.external === true ? (spec.name ?? key) : []));
}

/** What is in the way of `project`; null: nothing that can be known beforehand. */
export function findObstacle(project: string, needs: HostNeeds, facts: HostOccupancy): Trouble | null {
  return findMissing(needs, facts) ?? findTakenName(project, needs, facts) ?? findTakenPort(project, needs, facts);
}

function findMissing({ externalNetworks, externalVolumes }: HostNeeds, facts: HostOccupancy): Trouble | null {
  const network = externalNetworks.find((name) => facts.missingNetworks.includes(name));
  if (network !== undefined) return { class: 'network', reason: `the external network ${network} could not be found` };
  const volume = externalVolumes.find((name) => facts.missingVolumes.includes(name));
  return volume === undefined ? null : { class: 'network', reason: `the external volume ${volume} could not be found` };
}

function findTakenName(project: string, { containerNames }: HostNeeds, { neighbours }: HostOccupancy): Trouble | null {
  for (const name of containerNames) {
    const holder = neighbours.find((one) => one.name === name && one.project !== project);
    if (holder !== undefined)
      return {
        class: 'name',
        reason: `the container name ${name} is already in use by a container${ofProject(holder)}`,
      };
  }
  return null;
}

function findTakenPort(
  project: string,
  { ports }: HostNeeds,
  { neighbours, listeners }: HostOccupancy,
): Trouble | null {
  const own = neighbours.filter((one) => one.project === project);
  // What the old containers hold is given up before the new ones need it.
  const ownPorts = own.flatMap((one) => one.ports);
  const sockets = own.some(({ usesHostNetwork }) => usesHostNetwork) ? [] : listeners;
  for (const wanted of ports) {
    const holder = neighbours.find(
      (one) => one.project !== project && one.ports.some((port) => collides(wanted, port)),
    );
    if (holder !== undefined) {
      return {
        class: 'port',
        reason: `port ${describe(wanted)} is already allocated to container ${holder.name}${ofProject(holder)}`,
      };
    }
    if (ownPorts.some((port) => collides(wanted, port))) continue;
    if (sockets.some((socket) => collides(wanted, socket))) {
      return {
        class: 'port',
        reason: `port ${describe(wanted)} is taken: address already in use by a process of the host`,
      };
    }
  }
  return null;
}

function collides(a: PublishedPort, b: PublishedPort | Listener): boolean {
  return (
    a.port === b.port &&
    a.protocol === b.protocol &&
    (a.address === null || b.address === null || a.address === b.address)
  );
}

function describe({ address, port, protocol }: PublishedPort): string {
  return `${address === null ? '' : `${address}:`}${port}${protocol === 'tcp' ? '' : `/${protocol}`}`;
}

function ofProject({ project }: Neighbour): string {
  return project === null ? '' : ` of project ${project}`;
}
