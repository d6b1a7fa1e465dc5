/** Machines of the lab: network namespaces that hang on one bridge of this machine, and can be cut off from it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as z from 'zod';
import { installLab } from './install.ts';
import { currentRun } from './lab-run.ts';

const run = promisify(execFile);

/** Addresses .11 and up belong to the lab's hosts. */
const FIRST_HOST = 11;
const MOST_HOSTS = 200;

export interface LabHost {
  readonly name: string;
  /** Name under /run/netns. */
  readonly namespace: string;
  readonly address: string;
  /** This machine's end of the cable. */
  readonly link: string;
}

export interface LabNetwork {
  readonly bridge: string;
  /** Address of this machine as the hosts see it: where a server for them must listen. */
  readonly serverAddress: string;
  readonly subnet: string;
  readonly hosts: readonly LabHost[];
}

/**
 * Makes `count` hosts on a network of their own, 10.99.0.0/24 or the next one that is free: every host reaches the
 * others and this machine, and nothing else. They vanish with {@link removeNetworkNamespaces} or with this process.
 */
export async function createNetworkNamespaces(count: number): Promise<LabNetwork> {
  if (!Number.isInteger(count) || count < 1 || count > MOST_HOSTS) {
    throw new Error(`A lab network has 1 to ${MOST_HOSTS} hosts, and ${count} were asked for.`);
  }
  const ip = await ipCommand();
  const lab = await currentRun();
  const octet = lab.claimSubnet(await usedAddresses(ip));
  const bridge = `nxb${lab.id}${octet}`;
  const serverAddress = `10.99.${octet}.1`;
  lab.add('bridges', bridge);
  await ip('link', 'add', bridge, 'type', 'bridge');
  await ip('address', 'add', `${serverAddress}/24`, 'dev', bridge);
  await ip('link', 'set', bridge, 'up');
  const hosts: LabHost[] = [];
  for (let index = 0; index < count; index += 1) {
    hosts.push(await addHost(ip, { bridge, gateway: serverAddress, address: `10.99.${octet}.${FIRST_HOST + index}` }));
  }
  return { bridge, serverAddress, subnet: `10.99.${octet}.0/24`, hosts };
}

/** Makes a namespace with nothing but a loopback interface; returns its name. */
export async function createIsolatedNamespace(): Promise<string> {
  const ip = await ipCommand();
  const lab = await currentRun();
  const namespace = `nxl-${lab.id}-${lab.nextNumber()}`;
  lab.add('namespaces', namespace);
  await ip('netns', 'add', namespace);
  await ip('-n', namespace, 'link', 'set', 'lo', 'up');
  return namespace;
}

export async function removeNamespace(namespace: string): Promise<void> {
  const ip = await ipCommand();
  await ip('netns', 'delete', namespace);
  (await currentRun()).remove('namespaces', namespace);
}

/** Takes a network and its hosts away; engines and other processes on them must have been stopped before. */
export async function removeNetworkNamespaces(network: LabNetwork): Promise<void> {
  const ip = await ipCommand();
  const lab = await currentRun();
  for (const host of network.hosts) {
    // Deleting the near end takes the far end along, even while some socket still holds the namespace.
    await ip('link', 'delete', host.link);
    await removeNamespace(host.namespace);
  }
  await ip('link', 'delete', network.bridge);
  lab.remove('bridges', network.bridge);
  await lab.releaseSubnet(Number(network.subnet.split('.')[2]));
}

/** Plugs a host's cable in or out, at this machine's end, so that the host keeps its address and routes. */
export async function setLink(host: LabHost, state: 'up' | 'down'): Promise<void> {
  const ip = await ipCommand();
  await ip('link', 'set', host.link, state);
}

/** The command that runs `command` on a host's network and on this machine's everything else. */
export function onHost(
  host: { readonly namespace: string },
  command: string,
  args: readonly string[],
): [string, string[]] {
  // Not `ip netns exec`: it mounts /sys anew, without the control groups that an engine needs.
  return ['nsenter', [`--net=/run/netns/${host.namespace}`, command, ...args]];
}

type IpCommand = (...args: string[]) => Promise<string>;

async function ipCommand(): Promise<IpCommand> {
  const { env } = await installLab();
  return async (...args) => (await run('ip', args, { env })).stdout;
}

async function addHost(
  ip: IpCommand,
  place: { readonly bridge: string; readonly gateway: string; readonly address: string },
): Promise<LabHost> {
  const lab = await currentRun();
  const namespace = await createIsolatedNamespace();
  const link = `nxv${lab.id}-${lab.nextNumber()}`;
  await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
  await ip('link', 'set', link, 'master', place.bridge, 'up');
  await ip('-n', namespace, 'address', 'add', `${place.address}/24`, 'dev', 'eth0');
  await ip('-n', namespace, 'link', 'set', 'eth0', 'up');
  await ip('-n', namespace, 'route', 'add', 'default', 'via', place.gateway);
  return { name: `host-${place.address.split('.')[3]}`, namespace, address: place.address, link };
}

async function usedAddresses(ip: IpCommand): Promise<string[]> {
  const interfaces = z
    .array(z.object({ addr_info: z.array(z.object({ local: z.string().optional() })).optional() }))
    .parse(JSON.parse(await ip('-json', '-4', 'address')));
  return interfaces.flatMap(({ addr_info }) => (addr_info ?? []).flatMap(({ local }) => local ?? []));
}
