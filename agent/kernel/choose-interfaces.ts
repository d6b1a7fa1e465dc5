import type { InterfaceCounters } from './parse-network-counters.ts';

/** Made by software on top of other interfaces: counting them would count the same bytes twice. */
const VIRTUAL_NAME =
  /^(?:lo|veth.*|docker\d+|docker_gwbridge|br-[0-9a-f]+|br\d+|virbr.*|cni.*|flannel.*|cali.*|cilium.*|lxc.*|vxlan.*|kube-.*|nodelocaldns|dummy\d+|ifb\d+|tun\d+|tap.*|wg\d+|tailscale\d+|zt.*|sit\d+|ip6tnl\d+|tunl\d+|gre.*|erspan\d+|ip_vti\d+|ip6_vti\d+|bond\d+|team\d+|vmnet\d+)$/;

/** How the host's own interfaces are recognised. */
export interface InterfaceClues {
  readonly counters: readonly InterfaceCounters[];
  /** Names with a device behind them (`/sys/class/net/<name>/device`): physical or paravirtual cards. */
  readonly withDevice: ReadonlySet<string>;
  /** Names that a default route leaves by. */
  readonly withDefaultRoute: ReadonlySet<string>;
}

/**
 * The host's real interfaces, so that traffic is counted once: those with a device; where there is none (containers,
 * network namespaces), those whose name does not mark them as virtual; where none is left, those of the default route.
 * Empty when the host has no network but its loopback.
 */
export function chooseHostInterfaces(clues: InterfaceClues): InterfaceCounters[] {
  const choices: ((name: string) => boolean)[] = [
    (name) => clues.withDevice.has(name),
    (name) => !VIRTUAL_NAME.test(name),
    (name) => name !== 'lo' && clues.withDefaultRoute.has(name),
  ];
  for (const belongs of choices) {
    const chosen = clues.counters.filter(({ name }) => belongs(name));
    if (chosen.length > 0) return chosen;
  }
  return [];
}

/** A container's own interfaces: all but loopback and those that an engine or a tunnel inside it has created. */
export function chooseContainerInterfaces(counters: readonly InterfaceCounters[]): InterfaceCounters[] {
  return counters.filter(({ name }) => !VIRTUAL_NAME.test(name));
}

/** Sums over interfaces. */
export function sumInterfaces(counters: readonly InterfaceCounters[]): { rxBytes: number; txBytes: number } {
  let rxBytes = 0;
  let txBytes = 0;
  for (const counter of counters) {
    rxBytes += counter.rxBytes;
    txBytes += counter.txBytes;
  }
  return { rxBytes, txBytes };
}

/** Names of the interfaces with an IPv4 default route, from `/proc/<pid>/net/route`. */
export function parseDefaultRoutes(text: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const line of text.split('\n').slice(1)) {
    const [name, destination, , , , , , mask] = line.split('\t');
    if (name !== undefined && destination === '00000000' && mask === '00000000') names.add(name.trim());
  }
  return names;
}
