/** The images and releases of one simulation, and how each of them behaves once it runs. */
import { createHash } from 'node:crypto';
import type { ManifestBody } from '../../../../src/wire/release.ts';
import type { SeededRandom } from '../../../domain/seeded-random.ts';
import type { ComposeFile, ComposeService } from './compose.ts';
import type { Behaviour } from './container.ts';
import { Registry } from './registry.ts';

/** Every image there is, with what becomes of its containers. */
export class ImageCatalog {
  readonly registry = new Registry();
  readonly #behaviours = new Map<string, Behaviour>();
  #built = 0;

  /** Builds another image and publishes it under a name, which another image may have had until now. */
  publish(reference: string, behaviour: Behaviour): string {
    this.#built += 1;
    const id = `sha256:${createHash('sha256').update(`image ${this.#built}`).digest('hex')}`;
    this.#behaviours.set(id, behaviour);
    this.registry.publish(reference, id);
    return id;
  }

  behaviourOf(id: string): Behaviour {
    return this.#behaviours.get(id) ?? 'steady';
  }
}

export interface SimulatedRelease {
  readonly stack: string;
  readonly version: string;
  readonly manifest: ManifestBody;
  /** Of the image that gives the release its name. */
  readonly behaviour: Behaviour | 'missing';
  /** Its image has a name that later releases use too, so that it may run what was published after it. */
  readonly isMovable: boolean;
}

export const STACKS = ['shop', 'mail'] as const;
/** An external network that half of the stacks need. */
export const NETWORK = 'edge';

const BEHAVIOURS: readonly SimulatedRelease['behaviour'][] = [
  ...(['steady', 'steady', 'steady', 'steady', 'steady', 'steady', 'steady', 'slow'] as const),
  ...(['sick', 'sick', 'looping', 'broken', 'missing', 'leaky'] as const),
];

/**
 * No host can converge on it, whatever happens. A leak may go unseen, and so may a loop whose crashes all fall outside of
 * the soak: before it while the activation is interrupted, or while the host is down.
 */
export function mustFail({ behaviour, isMovable }: SimulatedRelease): boolean {
  if (isMovable) return false;
  return behaviour === 'sick' || behaviour === 'broken' || behaviour === 'missing';
}

export function makeRelease(random: SeededRandom, number: number, images: ImageCatalog): SimulatedRelease {
  const stack = random.chance(0.85) ? STACKS[0] : STACKS[1];
  const behaviour = random.pick(BEHAVIOURS);
  const version = String(number);
  // A name that every release uses stands for whatever was published last.
  const isMovable = behaviour !== 'missing' && random.chance(0.35);
  const web = isMovable ? `registry.test/${stack}:stable` : `registry.test/${stack}:${version}`;
  if (behaviour !== 'missing') images.publish(web, behaviour);
  const services: Record<string, ComposeService> = { web: serviceOf(web, random, true, isMovable ? 0.6 : 0.15) };
  if (random.chance(0.4)) {
    const cache = `registry.test/${stack}-cache:7`;
    images.publish(cache, 'steady');
    services['cache'] = serviceOf(cache, random, false, 0.15);
  }
  if (random.chance(0.2)) {
    images.publish(`registry.test/${stack}-migrate:${version}`, 'job');
    services['migrate'] = { image: `registry.test/${stack}-migrate:${version}`, restart: 'no' };
  }
  const compose: ComposeFile = {
    services,
    ...(random.chance(0.3) ? { networks: { [NETWORK]: { external: true } } } : {}),
  };
  const manifest: ManifestBody = {
    kind: 'nexus.release/1',
    stack,
    version,
    compose: JSON.stringify(compose),
    policy: {
      activation_timeout_seconds: random.pick([20, 60, 600]),
      soak_seconds: behaviour === 'leaky' ? 50 : random.between(5, 20),
      sustained_failure_seconds: random.between(2, 6),
      on_health_failure: random.chance(0.65) ? 'rollback-and-halt' : 'halt',
      telemetry: random.pick(['judged', 'judged', 'required', 'required', 'off']),
      on_lost_host: number % 2 === 0 ? 'fail' : 'hold',
    },
  };
  return { stack, version, manifest, behaviour, isMovable };
}

/** A release that works, under a name of its own. */
export function makeGoodRelease(number: number, images: ImageCatalog): SimulatedRelease {
  return makePeacefulRelease(number, 'steady', { soak_seconds: 3, sustained_failure_seconds: 2 }, images);
}

/** A release that leaks and does all else well, with the policy that is the default. */
export function makeLeakyRelease(number: number, images: ImageCatalog): SimulatedRelease {
  return makePeacefulRelease(number, 'leaky', {}, images);
}

function makePeacefulRelease(
  number: number,
  behaviour: Behaviour,
  policy: NonNullable<ManifestBody['policy']>,
  images: ImageCatalog,
): SimulatedRelease {
  const [stack] = STACKS;
  const image = `registry.test/${stack}:${number}`;
  images.publish(image, behaviour);
  const service: ComposeService = { image, restart: 'unless-stopped', healthcheck: { test: ['CMD', 'true'] } };
  const compose: ComposeFile = { services: { web: service } };
  const manifest: ManifestBody = {
    kind: 'nexus.release/1',
    stack,
    version: String(number),
    compose: JSON.stringify(compose),
    policy,
  };
  return { stack, version: String(number), manifest, behaviour, isMovable: false };
}

/** `pulledShare`: how likely its image is pulled although it is there. */
function serviceOf(image: string, random: SeededRandom, hasHealthcheck: boolean, pulledShare: number): ComposeService {
  return {
    image,
    restart: random.chance(0.85) ? 'unless-stopped' : 'no',
    ...(hasHealthcheck ? { healthcheck: { test: ['CMD', 'true'] } } : {}),
    ...(random.chance(pulledShare) ? { pull_policy: 'always' } : {}),
  };
}
