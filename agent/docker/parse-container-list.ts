import { arrayAt, asArray, asObject, numberAt, textAt } from '../read-json.ts';

/** One entry of the engine's list: enough to see whether what is known about the container still holds. */
export interface ListedContainer {
  readonly id: string;
  readonly name: string | null;
  readonly state: string | null;
  /** Seconds since the epoch. */
  readonly createdAt: number;
}

/** Reads `GET /containers/json`; entries without an id are left out. Null when it is not a list at all. */
export function parseContainerList(input: unknown): ListedContainer[] | null {
  if (!Array.isArray(input)) return null;
  const listed: ListedContainer[] = [];
  for (const entry of asArray(input).map(asObject)) {
    const id = textAt(entry, 'Id');
    if (id === null) continue;
    // A linked container also appears under its links' names (`/other/alias`): its own has one slash.
    const names = arrayAt(entry, 'Names').filter((name) => typeof name === 'string');
    const name = names.find((candidate) => candidate.lastIndexOf('/') === 0) ?? names[0];
    listed.push({
      id,
      name: name?.replace(/^\//, '') ?? null,
      state: textAt(entry, 'State'),
      createdAt: numberAt(entry, 'Created') ?? 0,
    });
  }
  return listed;
}

/** At most `max` of them: those that run first, then the youngest. */
export function chooseContainers(listed: readonly ListedContainer[], max: number): readonly ListedContainer[] {
  if (listed.length <= max) return listed;
  const rank = (entry: ListedContainer): number => (entry.state === 'running' ? 0 : 1);
  return [...listed].sort((a, b) => rank(a) - rank(b) || b.createdAt - a.createdAt).slice(0, max);
}
