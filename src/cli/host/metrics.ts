import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import { type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { readDuration, readPointInTime } from '../terminal/duration.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';

export interface MetricsFlags extends OperatorFlags {
  readonly container?: string;
  readonly from?: string;
  readonly to?: string;
  readonly step?: string;
}

/** People know containers by name; an id or the beginning of one is taken as well. The newest of a name counts. */
async function containerIdOf(client: NexusClient, host: string, wanted: string): Promise<string> {
  const { containers } = await client.listContainers(host);
  const named = containers.filter((container) => container.name === wanted);
  const matching = named.length > 0 ? named : containers.filter((one) => one.container_id.startsWith(wanted));
  const best = matching.find((one) => one.removed_at === null) ?? matching.at(-1);
  if (best === undefined) {
    throw new NexusError('not_found', `${host} has no container '${wanted}'. See them: nexus host containers ${host}`);
  }
  return best.container_id;
}

/** `host metrics`: the history of a host, or of one of its containers. */
export async function showMetrics(terminal: Terminal, name: string, flags: MetricsFlags): Promise<void> {
  const nowMs = terminal.clock.nowMs();
  const span = {
    from: flags.from === undefined ? undefined : readPointInTime('--from', flags.from, nowMs),
    to: flags.to === undefined ? undefined : readPointInTime('--to', flags.to, nowMs),
    stepSeconds: flags.step === undefined ? undefined : readDuration('--step', flags.step),
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
    printNote(terminal, 'No samples in that span. Ask for a longer one, e.g. --from 24h');
  });
}
