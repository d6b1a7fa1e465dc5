import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chooseContainerInterfaces,
  chooseHostInterfaces,
  parseDefaultRoutes,
  sumInterfaces,
} from '../../../agent/kernel/choose-interfaces.ts';
import { parseNetworkCounters } from '../../../agent/kernel/parse-network-counters.ts';

const DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3433      33    0    0    0     0          0         0     3433      33    0    0    0     0       0          0
  eth0: 412027648    9969    0    0    0     0          0         0   687336    6437    0    0    0     0       0          0
wlan0:7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0
`;

test('/proc/net/dev: received and sent bytes of each interface, its colon touching the number or not', () => {
  assert.deepEqual(parseNetworkCounters(DEV), [
    { name: 'lo', rxBytes: 3433, txBytes: 3433 },
    { name: 'eth0', rxBytes: 412_027_648, txBytes: 687_336 },
    { name: 'wlan0', rxBytes: 7, txBytes: 8 },
  ]);
});

test('/proc/net/dev: lines of another form are left out', () => {
  assert.deepEqual(parseNetworkCounters('eth0: 1 2 3\nnothing\n\n'), []);
});

interface ChoiceRow {
  readonly host: string;
  readonly names: readonly string[];
  readonly devices?: readonly string[];
  readonly routes?: readonly string[];
  readonly chosen: readonly string[];
}

const CHOICES: ChoiceRow[] = [
  {
    host: 'a Docker host with one card',
    names: ['lo', 'eth0', 'docker0', 'br-0a1b2c3d4e5f', 'veth12ab', 'docker_gwbridge'],
    devices: ['eth0'],
    chosen: ['eth0'],
  },
  {
    host: 'two cards in a bond: the cards count, not the bond too',
    names: ['lo', 'eno1', 'eno2', 'bond0', 'bond0.5'],
    devices: ['eno1', 'eno2'],
    chosen: ['eno1', 'eno2'],
  },
  {
    host: 'a laptop',
    names: ['lo', 'enp3s0', 'wlp2s0', 'wg0', 'tun0'],
    devices: ['enp3s0', 'wlp2s0'],
    chosen: ['enp3s0', 'wlp2s0'],
  },
  { host: 'a container whose only card is virtual', names: ['lo', 'eth0'], chosen: ['eth0'] },
  { host: 'an idle machine with tunnels', names: ['lo', 'sit0', 'ip6tnl0', 'ifb0', 'ens5'], chosen: ['ens5'] },
  { host: 'a namespace behind a veth', names: ['lo', 'veth1', 'docker0'], routes: ['veth1'], chosen: ['veth1'] },
  { host: 'a machine without a network', names: ['lo', 'docker0'], routes: ['lo'], chosen: [] },
];
for (const { host, names, devices = [], routes = [], chosen } of CHOICES) {
  test(`real interfaces of ${host}`, () => {
    const counters = names.map((name) => ({ name, rxBytes: 1, txBytes: 2 }));
    const clues = { counters, withDevice: new Set(devices), withDefaultRoute: new Set(routes) };
    assert.deepEqual(
      chooseHostInterfaces(clues).map(({ name }) => name),
      chosen,
    );
  });
}

test('a container counts its own interfaces, not its loopback, nor an engine’s or a tunnel’s inside of it', () => {
  const counters = ['lo', 'eth0', 'eth1', 'docker0', 'vethab', 'tun0', 'wg0'].map((name, index) => ({
    name,
    rxBytes: 10 ** index,
    txBytes: 2 * 10 ** index,
  }));
  assert.deepEqual(sumInterfaces(chooseContainerInterfaces(counters)), { rxBytes: 110, txBytes: 220 });
});

test('default routes of /proc/net/route', () => {
  const text =
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n' +
    'eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\n' +
    'eth1\t0000A8C0\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\n';
  assert.deepEqual([...parseDefaultRoutes(text)], ['eth0']);
  assert.deepEqual([...parseDefaultRoutes('')], []);
});
