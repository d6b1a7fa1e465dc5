/** The releases of the simulation: how each one behaves once it runs. */
import { DEFAULT_POLICY, DEFAULT_TELEMETRY_LIMITS, type ReleasePolicy } from '../../src/domain/release.ts';
import type { SeededRandom } from '../domain/seeded-random.ts';

/** `bad` fails its probe in the soak, `broken` does not start, `leaky` only grows. */
export type Behaviour = 'good' | 'bad' | 'broken' | 'leaky';

export interface SimRelease {
  readonly digest: string;
  readonly stack: string;
  readonly behaviour: Behaviour;
  readonly policy: ReleasePolicy;
}

const BEHAVIOURS: readonly Behaviour[] = ['good', 'good', 'good', 'good', 'bad', 'broken', 'leaky'];

export function makeRelease(random: SeededRandom, number: number): SimRelease {
  const stack = random.chance(0.85) ? 'shop' : 'mail';
  const behaviour = random.pick(BEHAVIOURS);
  const policy: ReleasePolicy = {
    ...DEFAULT_POLICY,
    activationTimeoutSeconds: 60,
    soakSeconds: behaviour === 'leaky' ? 50 : random.between(5, 20),
    sustainedFailureSeconds: random.between(3, 8),
    onHealthFailure: random.chance(0.6) ? 'rollback-and-halt' : 'halt',
    telemetry: { ...DEFAULT_TELEMETRY_LIMITS, mode: random.pick(['judged', 'judged', 'required', 'off'] as const) },
  };
  return { digest: `sha256:${number.toString(16).padStart(64, '0')}`, stack, behaviour, policy };
}

/** No host can converge on it. A leak may go unseen: its telemetry is off, or lost. */
export function mustFail({ behaviour }: SimRelease): boolean {
  return behaviour === 'bad' || behaviour === 'broken';
}
