import type { Runtime } from '../domain/runtime.ts';

/** 32 random bits, for the ids of the rollouts that a command creates. */
export function rolloutSeed(runtime: Pick<Runtime, 'randomBytes'>): number {
  return Buffer.from(runtime.randomBytes(4)).readUInt32BE();
}
