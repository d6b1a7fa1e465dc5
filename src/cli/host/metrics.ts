import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import { STEP_SECONDS } from '../../domain/history-query.ts';
import { type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { readDuration, readTimeSpan, type SpanFlags } from '../terminal/duration.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';

export interface MetricsFlags extends OperatorFlags, SpanFlags {
  readonly container?: string;
  readonly step?: string;
}

/** The id of the container that is named `wanted`, or whose id begins so. Of several, one that is still there, or the last. */
async function containerIdOf(client: NexusClient, host: string, wanted: string): Promise<string> {
  const { containers } = await client.listContainers(host);
  const named = containers.filter((container) => container.name === wanted);
  const matching = named.length > 0 ? named : containers.filter((one) => one.container_id.startsWith(wanted));
  const best = matching.find((one) => one.removed_at === null) ?? matching.at(-1);
  if (best === undefined) {
    throw new NexusError(
      'not_found',
      `${host} has no container '${wanted}': 'nexus host containers ${host} --all' lists its containers.`,
    );
  }
  return best.container_id;
}

/** Prints the history of a host, or of one of its containers. */
export async function showMetrics(terminal: Terminal, name: string, flags: MetricsFlags): Promise<void> {
  const span = {
    ...readTimeSpan(flags, terminal.runtime.nowMs()),
    stepSeconds: flags.step === undefined ? undefined : readDuration('--step', flags.step, STEP_SECONDS),
  };
  await withClient(flags, terminal, async (client) => {
    const { container } = flags;
    if (container === undefined) {
      const history = await client.hostHistory(name, span);
      if (flags.json) return printJson(terminal, history);
      const { renderHostHistory } = await import('./history-table.ts');
      if (history.points.length > 0) return printLine(terminal, await renderHostHistory(terminal, history));
    } else {
      const history = await client.containerHistory(name, await containerIdOf(client, name, container), span);
      if (flags.json) return printJson(terminal, history);
      const { renderContainerHistory } = await import('./history-table.ts');
      if (history.points.length > 0) return printLine(terminal, await renderContainerHistory(terminal, history));
    }
    printNote(terminal, 'There are no samples in that time. To see more of it: --from 24h');
  });
}
