import { type Command, Option } from 'commander';
import { NexusError } from '../../domain/errors.ts';
import type { CreateRolloutBody } from '../../wire/rollout.ts';
import { completedBy } from '../operator/completion-source.ts';
import { readLabels } from '../operator/labels.ts';
import type { OperatorFlags } from '../operator/operator-command.ts';
import { readWaves } from './waves.ts';

/** The flags that say which hosts, in which steps and how carefully. */
export interface RequestFlags extends OperatorFlags {
  readonly selector?: readonly string[];
  readonly host?: readonly string[];
  readonly waves?: string;
  readonly maxInFlight?: string;
  readonly failureThreshold?: string;
}

export function addRequestFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--selector <key=value...>', 'hosts that carry all of these labels; may be given several times'),
    )
    .addOption(
      completedBy('host', new Option('--host <name...>', 'these hosts; may be given several times')).conflicts(
        'selector',
      ),
    )
    .option('--waves <sizes>', 'counts of hosts, or the percentage of all reached by then (1,100%)')
    .option('--max-in-flight <count>', 'hosts on their way at any moment (5)')
    .option('--failure-threshold <count>', 'one more failed host than this halts the rollout (0)');
}

function readCount(flag: string, text: string, least: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  throw new NexusError('usage', `${flag} is '${text}', which is no whole number from ${least} on.`);
}

/** What to ask for beside the release; what was not given is left to the server's defaults. Throws `usage`. */
export function readRequest(flags: RequestFlags): Omit<CreateRolloutBody, 'release'> {
  if (flags.selector === undefined && flags.host === undefined) {
    throw new NexusError(
      'usage',
      'say which hosts are meant: --selector KEY=VALUE for all that carry a label, or --host NAME for single ones.',
    );
  }
  return {
    ...(flags.host === undefined
      ? { selector: readLabels(flags.selector ?? []) }
      : { hosts: [...new Set(flags.host)] }),
    ...(flags.waves === undefined ? {} : { waves: readWaves(flags.waves) }),
    ...(flags.maxInFlight === undefined ? {} : { max_in_flight: readCount('--max-in-flight', flags.maxInFlight, 1) }),
    ...(flags.failureThreshold === undefined
      ? {}
      : { failure_threshold: readCount('--failure-threshold', flags.failureThreshold, 0) }),
  };
}
