/** Everything that may keep a pending host from being dispatched, as data and as a sentence. */
import { budgetName } from '../../domain/budget.ts';
import { assertNever } from '../../domain/errors.ts';
import { formatInstant } from '../../domain/instant.ts';
import type { HostState, RolloutStatus } from '../../domain/rollout.ts';
import { describeSilence, plural, quote, shortDigest, waveName } from '../../domain/words.ts';
import { AFTER_LABEL, WINDOW_LABEL } from './labels.ts';

/** Tagged by the gate, and within it by the kind where a gate holds for more than one reason. */
export type Hold =
  | { readonly gate: 'superseded'; readonly reason: string; readonly sinceMs: number }
  | { readonly gate: 'paused'; readonly sinceMs: number }
  | {
      readonly gate: 'ended';
      readonly status: Exclude<RolloutStatus, 'active' | 'paused'>;
      readonly reason: string;
      readonly sinceMs: number;
    }
  | {
      readonly gate: 'quarantine';
      readonly stack: string;
      readonly release: string;
      readonly sinceMs: number;
      /** The host whose failure caused it, in which rollout, and the probes that failed. */
      readonly host: string;
      readonly rolloutId: string;
      readonly failingProbes: readonly string[];
    }
  | {
      readonly gate: 'host';
      readonly kind: 'unknown' | 'never_reported' | 'offline' | 'archived';
      readonly host: string;
    }
  | { readonly gate: 'other_rollout'; readonly rolloutId: string; readonly stack: string; readonly host: string }
  | {
      readonly gate: 'wave';
      readonly wave: number;
      readonly currentWave: number;
      readonly waveCount: number;
      /** Why the current wave does not let the next one begin; null: it has just finished. */
      readonly blockedBy: PromotionBlock | null;
    }
  | {
      readonly gate: 'ordering';
      readonly kind: 'bad_name' | 'unknown_host';
      readonly host: string;
      readonly named: string;
    }
  /** `trail` begins and ends with the same host. */
  | { readonly gate: 'ordering'; readonly kind: 'circle'; readonly trail: readonly string[] }
  | {
      readonly gate: 'ordering';
      readonly kind: 'predecessor';
      readonly host: string;
      /** The first host that it waits for, where that one stands, and how many others there are. */
      readonly first: string;
      readonly wave: number;
      readonly state: HostState | 'not_dispatched';
      readonly others: number;
    }
  | { readonly gate: 'maintenance_window'; readonly kind: 'unreadable'; readonly host: string; readonly why: string }
  | {
      readonly gate: 'maintenance_window';
      readonly kind: 'closed';
      readonly host: string;
      /** As the label has it. */
      readonly windows: string;
      readonly opensAtMs: number;
    }
  | {
      readonly gate: 'budget';
      readonly label: string;
      readonly value: string;
      readonly maxInFlight: number;
      /** A host that takes up a place, and how many others do. */
      readonly first: string;
      readonly others: number;
    }
  | {
      readonly gate: 'refused';
      readonly host: string;
      /** A sentence of its agent. */
      readonly detail: string;
      readonly againAtMs: number;
    }
  | { readonly gate: 'max_in_flight'; readonly inFlight: number; readonly maxInFlight: number };

/** Why a wave does not let the next one begin. */
export type PromotionBlock =
  | { readonly kind: 'no_such_wave' }
  | {
      readonly kind: 'in_flight';
      readonly host: string;
      readonly state: HostState;
      /** When it was last heard, if it is offline; otherwise null. */
      readonly offlineSinceMs: number | null;
      readonly others: number;
    }
  | { readonly kind: 'none_converged' }
  /** A live host of it that is still pending. */
  | { readonly kind: 'host_pending'; readonly host: string };

/** Says why the host waits, in a sentence without its full stop. */
export function describeHold(hold: Hold): string {
  switch (hold.gate) {
    case 'superseded':
      return `the rollout was ${hold.reason} at ${formatInstant(hold.sinceMs)}`;
    case 'paused':
      return `the rollout has been paused since ${formatInstant(hold.sinceMs)}: resume it to continue`;
    case 'ended':
      return describeEnd(hold);
    case 'quarantine': {
      const probes = hold.failingProbes.length > 0 ? ` (${hold.failingProbes.map(quote).join(', ')})` : '';
      const release = `release ${shortDigest(hold.release)} of stack ${quote(hold.stack)}`;
      const failure = `${quote(hold.host)} failed on it${probes} in rollout ${hold.rolloutId}`;
      return `${release} has been quarantined since ${formatInstant(hold.sinceMs)}: ${failure}`;
    }
    case 'host':
      return describeHost(hold.kind, quote(hold.host));
    case 'other_rollout':
      return `rollout ${hold.rolloutId} is still changing stack ${quote(hold.stack)} on ${quote(hold.host)}`;
    case 'wave': {
      const current = waveName(hold.currentWave, hold.waveCount);
      const why =
        hold.blockedBy === null
          ? `${current} has only just finished`
          : `${current} has not finished: ${describeBlock(hold.blockedBy)}`;
      return `${waveName(hold.wave, hold.waveCount)} has not begun: ${why}`;
    }
    case 'ordering':
      return describeOrdering(hold);
    case 'maintenance_window':
      if (hold.kind === 'closed') {
        const opens = formatInstant(hold.opensAtMs);
        return `${quote(hold.host)} may only be changed during ${quote(hold.windows)} (UTC), next at ${opens}`;
      }
      return describeInvalid(WINDOW_LABEL, hold.host, `${hold.why}; write it like 'Mon-Fri 22:00-04:00', in UTC`);
    case 'budget':
      return describeBudget(hold);
    case 'refused': {
      const again = `it is offered again at ${formatInstant(hold.againAtMs)}`;
      return `the agent of ${quote(hold.host)} did not accept the release: ${hold.detail}; ${again}`;
    }
    case 'max_in_flight':
      return `${plural(hold.inFlight, 'host')} in flight, and max_in_flight is ${hold.maxInFlight}`;
    default:
      return assertNever(hold);
  }
}

function describeEnd({ status, reason, sinceMs }: Extract<Hold, { readonly gate: 'ended' }>): string {
  if (status === 'converged') return `the rollout converged at ${formatInstant(sinceMs)}`;
  return `the rollout was ${status} at ${formatInstant(sinceMs)}: ${reason}`;
}

function describeBudget(hold: Extract<Hold, { readonly gate: 'budget' }>): string {
  const { maxInFlight, first, others } = hold;
  const budget = `the budget ${quote(budgetName(hold))} lets at most ${plural(maxInFlight, 'host')} change at once`;
  const changing = others === 0 ? `${quote(first)} is` : `${quote(first)} and ${plural(others, 'more host')} are`;
  return `${budget}, and ${changing} changing`;
}

function describeInvalid(label: string, host: string, why: string): string {
  return `label ${quote(label)} of ${quote(host)} is invalid: ${why}`;
}

function describeHost(kind: Extract<Hold, { readonly gate: 'host' }>['kind'], host: string): string {
  switch (kind) {
    case 'unknown':
      return `there is no longer a host ${host}`;
    case 'never_reported':
      return `${host} has never reported: start its agent`;
    case 'offline':
      return `${host} is offline: it is dispatched when it is back`;
    case 'archived':
      return `${host} is archived`;
    default:
      return assertNever(kind);
  }
}

function describeBlock(block: PromotionBlock): string {
  switch (block.kind) {
    case 'no_such_wave':
      return 'there is no such wave';
    case 'in_flight': {
      const more = block.others === 0 ? '' : `, and ${plural(block.others, 'more host')} in flight`;
      if (block.offlineSinceMs !== null)
        return `${quote(block.host)} ${describeSilence(block.offlineSinceMs, block.state)}${more}`;
      return `${quote(block.host)} is ${block.state === 'pending' ? 'dispatched' : block.state}${more}`;
    }
    case 'none_converged':
      return 'none of its hosts has converged';
    case 'host_pending':
      return `${quote(block.host)} is still pending`;
    default:
      return assertNever(block);
  }
}

function describeOrdering(hold: Extract<Hold, { readonly gate: 'ordering' }>): string {
  switch (hold.kind) {
    case 'bad_name':
      return describeInvalid(AFTER_LABEL, hold.host, `${quote(hold.named)} is not a host name`);
    case 'unknown_host':
      return describeInvalid(AFTER_LABEL, hold.host, `there is no host ${quote(hold.named)}`);
    case 'circle':
      return `hosts wait for one another: ${hold.trail.map(quote).join(' after ')}; change one of their 'after' labels`;
    case 'predecessor': {
      const state = hold.state === 'not_dispatched' ? 'not dispatched' : hold.state;
      const others = hold.others === 0 ? '' : ` and ${plural(hold.others, 'more host')}`;
      return `${quote(hold.host)} waits for ${quote(hold.first)} (wave ${hold.wave + 1}, ${state})${others} to converge`;
    }
    default:
      return assertNever(hold);
  }
}
