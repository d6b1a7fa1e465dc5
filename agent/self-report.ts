import { type AgentReport, TELEMETRY_LIMITS } from '../src/domain/telemetry.ts';
import { NEXUS_VERSION } from '../src/domain/version.ts';
import { cutText } from './cut-text.ts';

/** What this agent is and can do, for its telemetry: its parts tell it what they find out. */
export class SelfReport {
  readonly #capabilities: readonly string[];
  readonly #bootId: string;
  readonly #epochs = new Map<string, number>();
  readonly #complete = Promise.withResolvers<void>();
  #composeVersion: string | null = null;

  constructor(bootId: string, { rollouts }: { readonly rollouts: boolean }) {
    this.#bootId = bootId;
    this.#capabilities = rollouts ? ['rollouts'] : [];
    // Without rollouts nobody looks for Compose.
    if (!rollouts) this.#complete.resolve();
  }

  /** Settles once Compose has been looked for, if it will be. */
  get complete(): Promise<void> {
    return this.#complete.promise;
  }

  /** Null: there is none. */
  noteCompose(version: string | null): void {
    this.#composeVersion = version;
    this.#complete.resolve();
  }

  /** The highest epoch of a stack that was taken up. */
  noteEpoch(stack: string, epoch: number): void {
    this.#epochs.set(stack, epoch);
  }

  current(): AgentReport {
    const short = (text: string): string => cutText(text, TELEMETRY_LIMITS.maxAgentText);
    return {
      version: short(NEXUS_VERSION),
      capabilities: this.#capabilities,
      composeVersion: this.#composeVersion === null ? null : short(this.#composeVersion),
      bootId: short(this.#bootId),
      epochs: Object.fromEntries([...this.#epochs].slice(0, TELEMETRY_LIMITS.maxEpochs)),
    };
  }
}
