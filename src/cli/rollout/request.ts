import type { Command } from 'commander';
import { NexusError } from '../../domain/errors.ts';
import { DEFAULT_ROLLOUT } from '../../domain/rollout.ts';
import type { CreateRolloutBody } from '../../wire/rollout.ts';
import { readHostName } from '../operator/host-name.ts';
import { readLabels } from '../operator/labels.ts';
import type { OperatorFlags } from '../operator/operator-command.ts';
import { option } from '../operator/option.ts';
import { readWholeNumber } from '../terminal/number.ts';
import { formatWaves, readWaves } from './waves.ts';

/** The flags that say which hosts are updated, in which steps and how carefully. */
export interface RequestFlags extends OperatorFlags {
  readonly selector?: readonly string[];
  readonly host?: readonly string[];
  readonly waves?: string;
  readonly maxInFlight?: string;
  readonly failureThreshold?: string;
}

export function addRequestFlags(command: Command): Command {
  const { waves, maxInFlight, failureThreshold } = DEFAULT_ROLLOUT;
  return command
    .addOption(option('--selector <key=value...>', 'the hosts that carry all of these labels; may be repeated'))
    .addOption(option('--host <name...>', 'these hosts; may be repeated', { completion: 'host' }).conflicts('selector'))
    .addOption(
      option(
        '--waves <sizes>',
        'the waves: numbers of hosts, percentages of all hosts reached by then, or KEY=VALUE for the hosts with a label; each may end in :DURATION, how long it soaks',
        {
          default: formatWaves(waves),
        },
      ),
    )
    .addOption(
      option('--max-in-flight <count>', 'how many hosts may be updated at the same time', {
        default: String(maxInFlight),
      }),
    )
    .addOption(
      option('--failure-threshold <count>', 'how many failed hosts are tolerated', {
        default: String(failureThreshold),
      }),
    );
}

/** The request apart from its release; what was not given is left to the server's defaults. Throws `usage`. */
export function readRequest(flags: RequestFlags): Omit<CreateRolloutBody, 'release'> {
  if (flags.selector === undefined && flags.host === undefined) {
    throw new NexusError(
      'usage',
      'neither --selector nor --host is given: write --selector KEY=VALUE for all hosts that carry a label, or --host NAME for single hosts.',
    );
  }
  return {
    ...(flags.host === undefined
      ? { selector: readLabels(flags.selector ?? []) }
      : { hosts: [...new Set(flags.host.map(readHostName))] }),
    ...(flags.waves === undefined ? {} : { waves: readWaves(flags.waves) }),
    ...(flags.maxInFlight === undefined
      ? {}
      : { max_in_flight: readWholeNumber('--max-in-flight', flags.maxInFlight, 1, 'for example 5') }),
    ...(flags.failureThreshold === undefined
      ? {}
      : { failure_threshold: readWholeNumber('--failure-threshold', flags.failureThreshold, 0, 'for example 0') }),
  };
}
