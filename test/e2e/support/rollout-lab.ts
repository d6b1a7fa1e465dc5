/** Hosts with engines of their own, on a network of their own, with a registry of their own. */
import type { TestContext } from 'node:test';
import {
  createNetworkNamespaces,
  type Engine,
  type LabHost,
  type LabNetwork,
  type LabRegistry,
  removeNetworkNamespaces,
  setLink,
  startEngine,
  startRegistry,
} from '../../../scripts/lab/engine.ts';
import { afterwards } from './afterwards.ts';

export interface LabPlace {
  readonly engine: Engine;
  readonly host: LabHost;
}

export interface RolloutLab {
  readonly network: LabNetwork;
  readonly registry: LabRegistry;
  readonly places: readonly LabPlace[];
}

/** Everything ends with the test, however that ends. */
export async function startRolloutLab(test: Pick<TestContext, 'after'>, hostCount: number): Promise<RolloutLab> {
  const network = await createNetworkNamespaces(hostCount);
  afterwards(test, () => removeNetworkNamespaces(network));
  const [registry, ...places] = await Promise.all([startRegistryUntilEnd(), ...network.hosts.map(startPlace)]);
  return { network, registry, places };

  async function startRegistryUntilEnd(): Promise<LabRegistry> {
    const started = await startRegistry(network);
    afterwards(test, () => started.stop());
    return started;
  }

  async function startPlace(host: LabHost): Promise<LabPlace> {
    const engine = await startEngine({ netns: host.namespace });
    afterwards(test, async () => {
      await setLink(host, 'up');
      await engine.stop();
    });
    return { engine, host };
  }
}
