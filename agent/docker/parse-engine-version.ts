import { asObject, textAt } from '../read-json.ts';

/** What `GET /version` says of the engine. */
export interface EngineVersion {
  /** E.g. `26.1.5`. */
  readonly version: string | null;
  readonly apiVersion: string;
  readonly minApiVersion: string;
}

/** The oldest API the agent can work with: the first with one-shot stats (Docker 20.10). */
export const MIN_API_VERSION = '1.41';
/** The newest API whose answers the agent was written against. */
const MAX_API_VERSION = '1.47';

/** Reads `GET /version`; null when there is no API version in it. */
export function parseEngineVersion(input: unknown): EngineVersion | null {
  const root = asObject(input);
  const apiVersion = textAt(root, 'ApiVersion');
  if (apiVersion === null || !/^\d+\.\d+$/.test(apiVersion)) return null;
  const minimum = textAt(root, 'MinAPIVersion');
  return {
    version: textAt(root, 'Version'),
    apiVersion,
    minApiVersion: minimum !== null && /^\d+\.\d+$/.test(minimum) ? minimum : MIN_API_VERSION,
  };
}

function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA - majorB || minorA - minorB;
}

/**
 * The API version both sides speak: the engine's newest, but none newer than the agent knows unless the engine has
 * dropped that one too. Null when the engine is too old.
 */
export function chooseApiVersion(engine: EngineVersion): string | null {
  if (compareVersions(engine.apiVersion, MIN_API_VERSION) < 0) return null;
  const chosen = compareVersions(engine.apiVersion, MAX_API_VERSION) < 0 ? engine.apiVersion : MAX_API_VERSION;
  return compareVersions(chosen, engine.minApiVersion) < 0 ? engine.minApiVersion : chosen;
}
