import { parseInstant } from '../../src/domain/instant.ts';
import { TELEMETRY_LIMITS } from '../../src/domain/telemetry.ts';
import { cutText } from '../cut-text.ts';
import { asObject, type JsonObject, numberAt, objectAt, textAt } from '../read-json.ts';
import type { ContainerView } from './container-view.ts';
import { parseImageReference } from './parse-image-reference.ts';
import { parsePorts } from './parse-ports.ts';

const MAX_LABELS = 128;
const MAX_LABEL_NAME = 255;
const MAX_LABEL_VALUE = 2048;

/** The engine's zero date is the year 1: it means never. */
function parseEngineInstant(text: string | null): string | null {
  const ms = text === null ? undefined : parseInstant(text);
  return ms === undefined || ms <= 0 ? null : text;
}

/** Sorted, so that the same labels always give the same report. */
function parseLabels(labels: JsonObject | null): Record<string, string> {
  const kept: [string, string][] = [];
  for (const [name, value] of Object.entries(labels ?? {})) {
    if (typeof value === 'string') kept.push([cutText(name, MAX_LABEL_NAME), cutText(value, MAX_LABEL_VALUE)]);
  }
  kept.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(kept.slice(0, MAX_LABELS));
}

/**
 * The state in words that stay the same as long as the state does, unlike the CLI's `Up 3 minutes`:
 * `running`, `running (healthy)`, `paused`, `restarting (1)`, `exited (137)`.
 */
export function describeStatus(state: string, health: string | null, exitCode: number | null): string {
  if ((state === 'exited' || state === 'restarting' || state === 'dead') && exitCode !== null) {
    return `${state} (${exitCode})`;
  }
  return state === 'running' && health !== null ? `${state} (${health})` : state;
}

/**
 * Reads `GET /containers/{id}/json` of the Engine API, with every text cut to the contract's limits. Null when the
 * answer lacks what makes a container (id and state).
 */
export function parseContainerInspection(input: unknown): ContainerView | null {
  const root = asObject(input);
  const stateObject = objectAt(root, 'State');
  const config = objectAt(root, 'Config');
  const id = textAt(root, 'Id');
  const state = textAt(stateObject, 'Status');
  if (id === null || state === null) return null;

  const imageId = textAt(root, 'Image');
  const { image, imageTag } = parseImageReference(textAt(config, 'Image') ?? imageId ?? 'unknown', imageId);
  const healthObject = objectAt(stateObject, 'Health');
  const health = textAt(healthObject, 'Status');
  const reportedHealth = health === 'none' ? null : health;
  return {
    id: cutText(id, TELEMETRY_LIMITS.maxContainerId),
    identity: {
      name: cutText((textAt(root, 'Name') ?? id).replace(/^\//, ''), TELEMETRY_LIMITS.maxContainerName),
      image: cutText(image, TELEMETRY_LIMITS.maxImage),
      imageTag: cutText(imageTag, TELEMETRY_LIMITS.maxImageTag),
      status: cutText(
        describeStatus(state, reportedHealth, numberAt(stateObject, 'ExitCode')),
        TELEMETRY_LIMITS.maxStatus,
      ),
      state: cutText(state, TELEMETRY_LIMITS.maxState),
      healthStatus: reportedHealth === null ? null : cutText(reportedHealth, TELEMETRY_LIMITS.maxHealthStatus),
      startedAt: parseEngineInstant(textAt(stateObject, 'StartedAt')),
      finishedAt: parseEngineInstant(textAt(stateObject, 'FinishedAt')),
      ports: parsePorts(objectAt(objectAt(root, 'NetworkSettings'), 'Ports')),
      labels: parseLabels(objectAt(config, 'Labels')),
    },
    pid: numberAt(stateObject, 'Pid') ?? 0,
    hasHealthcheck: reportedHealth !== null,
    sharesHostNetwork: textAt(objectAt(root, 'HostConfig'), 'NetworkMode') === 'host',
  };
}
