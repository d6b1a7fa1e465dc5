import type { AgentStateBody } from '../../src/wire/agent-event.ts';
import { parseState, type RolloutApi, type ServerView } from '../server/rollout-api.ts';

export type Refreshed =
  | { readonly kind: 'known'; readonly state: AgentStateBody }
  | { readonly kind: 'unauthorized' }
  | { readonly kind: 'unknown'; readonly reason: string };

/** What the server knows about this host: its name there, and its state in every open rollout. */
export class ServerViews {
  readonly #api: Pick<RolloutApi, 'state'>;
  #hostname: string | null = null;

  constructor(api: Pick<RolloutApi, 'state'>) {
    this.#api = api;
  }

  /** The name that events have to carry; null until the server has answered. */
  get hostname(): string | null {
    return this.#hostname;
  }

  async refresh(): Promise<Refreshed> {
    const reply = await this.#api.state();
    if (reply.kind === 'silence') return { kind: 'unknown', reason: reply.reason };
    if (reply.status === 401) return { kind: 'unauthorized' };
    const state = reply.status === 200 ? parseState(reply.body) : null;
    if (state === null) {
      return {
        kind: 'unknown',
        reason: `GET /v1/agent/state is answered ${reply.status}, which this agent does not understand`,
      };
    }
    this.#hostname = state.hostname;
    return { kind: 'known', state };
  }
}

export function viewsOf(state: AgentStateBody, stack: string): readonly ServerView[] {
  return state.rollouts.filter((view) => view.stack === stack);
}
