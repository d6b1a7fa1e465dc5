/** Which networks of a project have to be made again, because a release defines them otherwise than the one before. */
import type { ComposeModel } from './model.ts';

export interface ChangedNetwork {
  /** In the Compose file. */
  readonly key: string;
  /** On the engine. */
  readonly name: string;
}

/** Docker cannot change a network, and `docker compose up` of many versions passes a changed definition over. */
export function findChangedNetworks(before: ComposeModel, after: ComposeModel): ChangedNetwork[] {
  return Object.entries(after.networks ?? {}).flatMap(([key, network]) => {
    const old = before.networks?.[key];
    if (old == null || network == null || old.external === true || network.external === true) return [];
    const { name } = network;
    if (name === undefined || old.name !== name || isSame(old, network)) return [];
    return [{ key, name }];
  });
}

/** Both were printed by Compose, in its order. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
