/**
 * Everything that goes wrong. A fault begins at some moment, lasts for a while and is ended; when the faults stop, those
 * that have not been are. To add one, add a row: its name, how often it happens beside the others, how long it lasts at
 * most, and `begin`, which returns what ends it. Null: there is nothing at this moment that it could befall.
 */
import type { SeededRandom } from '../../domain/seeded-random.ts';
import { NETWORK, STACKS } from './host/releases.ts';
import type { SimulatedHost } from './host/simulated-host.ts';
import type { Machine } from './kernel/machine.ts';
import type { Direction } from './kernel/network.ts';
import type { World } from './world.ts';

export interface Fault {
  readonly name: string;
  readonly weight: number;
  readonly maxMs: number;
  begin(world: World, random: SeededRandom): (() => void) | null;
}

/** While this has happened, a soak may seem to be over when it is not. */
export const SERVER_CLOCK_SET = "the server's wall clock is set";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const YEAR_MS = 365 * 24 * HOUR_MS;
const DIRECTIONS: ReadonlyArray<readonly Direction[]> = [['to server', 'from server'], ['to server'], ['from server']];

/** A fault of one host. */
function ofHost(
  name: string,
  weight: number,
  maxMs: number,
  begin: (host: SimulatedHost, random: SeededRandom, world: World) => (() => void) | null,
): Fault {
  return {
    name,
    weight,
    maxMs,
    begin(world, random) {
      const host = random.pick(world.hosts);
      world.trace.note(host.name, `fault: ${name}`);
      return begin(host, random, world);
    },
  };
}

/** A fault of the machine that the server runs on. */
function ofServer(
  name: string,
  weight: number,
  maxMs: number,
  begin: (machine: Machine, random: SeededRandom) => () => void,
): Fault {
  return { name, weight, maxMs, begin: ({ server }, random) => begin(server.machine, random) };
}

function clockStep(random: SeededRandom): number {
  const size = random.pick([5_000, 2 * MINUTE_MS, HOUR_MS, 2 * YEAR_MS]);
  return Math.round((random.next() * 2 - 1) * size);
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'the server is killed',
    weight: 5,
    maxMs: 15_000,
    begin({ server }) {
      server.kill();
      return () => server.start();
    },
  },
  {
    name: 'the server is stopped and started',
    weight: 1,
    maxMs: 5_000,
    begin({ server }) {
      server.stop();
      return () => server.start();
    },
  },
  {
    name: 'the server is restored from a backup',
    weight: 0.7,
    maxMs: MINUTE_MS,
    begin: (world) => world.backUpServer(),
  },
  {
    name: "the server's disk fails",
    weight: 1,
    maxMs: 20_000,
    begin({ server: { pace } }, random) {
      pace.failing = random.pick(['refuses', 'stores and fails']);
      return () => {
        pace.failing = 'nothing';
      };
    },
  },
  {
    name: "the server's disk is slow",
    weight: 2,
    maxMs: 30_000,
    begin({ server: { pace } }, random) {
      const { slowness } = pace;
      pace.slowness = random.pick([10, 200]);
      return () => {
        pace.slowness = slowness;
      };
    },
  },
  ofServer('the server is suspended', 0.7, MINUTE_MS, (machine) => {
    machine.suspend();
    return () => machine.resume();
  }),
  // By minutes only: the server still measures soaks and silence on it, and would wait for hours or years.
  ofServer(SERVER_CLOCK_SET, 1, 2 * MINUTE_MS, (machine, random) => {
    machine.stepWall(random.between(-MINUTE_MS, MINUTE_MS));
    return () => machine.correctWall();
  }),
  ofServer("the server's clocks drift", 0.3, 5 * MINUTE_MS, (machine, random) => {
    machine.setRate(1 + (random.next() - 0.5) * 0.002);
    return () => machine.setRate(1);
  }),
  {
    name: 'the server is cut off',
    weight: 0.7,
    maxMs: MINUTE_MS,
    begin({ network, hosts }, random) {
      const directions = random.pick(DIRECTIONS);
      for (const { name } of hosts) network.cut(name, directions);
      return () => network.mendAll();
    },
  },
  ofHost('the host is lost for good', 0.4, 0, (host, _random, { hosts }) => {
    if (hosts.filter(({ isLost }) => !isLost).length === 1) return null;
    host.loseForGood();
    return () => {};
  }),
  ofHost('the agent is killed', 4, 60_000, (host) => {
    host.kill();
    return () => host.start();
  }),
  ofHost('the agent is stopped and started', 1, 5_000, (host) => {
    host.stop();
    return () => host.start();
  }),
  ofHost('the power is cut', 2, 60_000, (host) => {
    host.cutPower();
    return () => host.restorePower();
  }),
  ofHost('the disk is lost', 1, 60_000, (host, _random, { kept }) => {
    host.wipeDisk();
    kept.forget(host.name);
    return () => host.start();
  }),
  ofHost('the disk is full', 1, 60_000, ({ disk }) => {
    disk.isFull = true;
    return () => {
      disk.isFull = false;
    };
  }),
  ofHost('the disk fails to sync', 1, 30_000, ({ disk }, random) => {
    disk.failingSyncs = random.pick([0.2, 1]);
    return () => {
      disk.failingSyncs = 0;
    };
  }),
  ofHost('the disk fails to read', 0.7, 20_000, ({ disk }, random) => {
    disk.failingReads = random.pick([0.2, 1]);
    return () => {
      disk.failingReads = 0;
    };
  }),
  ofHost('the disk is read-only', 0.5, 30_000, ({ disk }) => {
    disk.isReadOnly = true;
    return () => {
      disk.isReadOnly = false;
    };
  }),
  ofHost('the disk is slow', 1, 60_000, ({ pace }, random) => {
    pace.slowness = random.pick([10, 100]);
    return () => {
      pace.slowness = 1;
    };
  }),
  ofHost('the machine is suspended', 1, 2 * MINUTE_MS, ({ machine }) => {
    machine.suspend();
    return () => machine.resume();
  }),
  ofHost('the wall clock is set', 1, 2 * MINUTE_MS, ({ machine }, random) => {
    machine.stepWall(clockStep(random));
    return () => machine.correctWall();
  }),
  ofHost('the network is cut', 3, 3 * MINUTE_MS, ({ name }, random, { network }) => {
    network.cut(name, random.pick(DIRECTIONS));
    return () => network.mend(name);
  }),
  ofHost('the engine hangs', 1, 60_000, ({ engine }) => {
    engine.hang();
    return () => engine.recover();
  }),
  ofHost('the engine is restarted', 1.5, 10_000, ({ engine }) => {
    engine.stop();
    return () => engine.recover();
  }),
  ofHost('the engine is slow', 1, 60_000, ({ engine }) => {
    engine.slowness = 100;
    return () => {
      engine.slowness = 1;
    };
  }),
  ofHost('a container cannot be inspected', 0.5, 30_000, ({ engine }, random) => {
    const containers = [...engine.containers.values()];
    if (containers.length === 0) return null;
    engine.unreadable = random.pick(containers);
    return () => engine.release();
  }),
  ofHost('a container crashes', 1, 0, ({ engine }, random) => {
    const running = [...engine.containers.values()].filter(({ isRunning }) => isRunning);
    if (running.length === 0) return null;
    random.pick(running).crash(random.pick([1, 137]));
    return () => {};
  }),
  ofHost('images are pruned', 0.7, 0, ({ engine }) => {
    engine.pruneImages();
    return () => {};
  }),
  ofHost('the external network is gone', 0.5, 60_000, ({ engine }) => {
    engine.networks.delete(NETWORK);
    return () => engine.networks.add(NETWORK);
  }),
  ofHost('a stranger uses the name of a stack', 0.5, 60_000, ({ engine }, random) => {
    const project = random.pick(STACKS);
    const stranger = engine.createStranger(project);
    return () => engine.remove(stranger);
  }),
  {
    name: 'the registry is away',
    weight: 0.7,
    maxMs: 60_000,
    begin({ images: { registry } }, random) {
      registry.mood = random.pick(['away', 'refusing', 'slow']);
      return () => {
        registry.mood = 'well';
      };
    },
  },
];
