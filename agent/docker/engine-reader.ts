/** What telemetry reads of an engine. Everything throws as {@link Docker} does, or when an answer cannot be used. */
import { NexusError } from '../../src/domain/errors.ts';
import { parseJson } from '../read-json.ts';
import type { ContainerReading } from './container-reading.ts';
import type { ContainerView } from './container-view.ts';
import type { Docker } from './docker.ts';
import { parseContainerInspection } from './parse-container-inspection.ts';
import { type ListedContainer, parseContainerList } from './parse-container-list.ts';
import { type EngineEvent, EVENT_FILTERS, parseEngineEvent } from './parse-engine-event.ts';
import { parseEngineStats } from './parse-engine-stats.ts';
import { LineSplitter } from './split-lines.ts';

/** All containers, stopped ones too. */
export async function listContainers(docker: Docker): Promise<ListedContainer[]> {
  const listed = parseContainerList(await readJson(docker, '/containers/json?all=true'));
  if (listed === null) throw refused('its list of containers cannot be read');
  return listed;
}

/** One container, or null when it is gone. */
export async function inspectContainer(docker: Docker, id: string): Promise<ContainerView | null> {
  const answer = await readJson(docker, `/containers/${encodeURIComponent(id)}/json`);
  return answer === null ? null : parseContainerInspection(answer);
}

/** One container's counters by the engine's own reading, or null when it is gone or does not run. */
export async function readContainerStats(docker: Docker, view: ContainerView): Promise<ContainerReading | null> {
  const path = `/containers/${encodeURIComponent(view.id)}/stats?stream=false&one-shot=true`;
  return parseEngineStats(await readJson(docker, path), view.sharesHostNetwork);
}

/**
 * Follows the engine's events until the stream ends or `signal` aborts. `onOpen` is called once the engine sends,
 * `onEvent` for everything that changes a container from then on.
 */
export async function followEvents(
  docker: Docker,
  onOpen: () => void,
  onEvent: (event: EngineEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const pieces = await docker.stream(`/events?filters=${encodeURIComponent(EVENT_FILTERS)}`, signal);
  onOpen();
  const splitter = new LineSplitter();
  for await (const piece of pieces) {
    for (const line of splitter.push(piece)) {
      const event = parseEngineEvent(line);
      if (event !== null) onEvent(event);
    }
  }
}

/** The JSON of a 200 answer; null for 404 and 409 (gone, or not running any more). */
async function readJson(docker: Docker, path: string): Promise<unknown> {
  const { status, body } = await docker.call({ method: 'GET', path });
  if (status === 200) return parseJson(body.toString());
  if (status === 404 || status === 409) return null;
  throw refused(`it answers ${status} to GET ${path}`);
}

function refused(why: string): NexusError {
  return new NexusError('invalid', `The Docker Engine cannot be used: ${why}`, { details: { failure: 'refused' } });
}
