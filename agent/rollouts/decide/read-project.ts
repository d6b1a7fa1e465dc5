/** Reads what runs from the labels of its containers. */
import type { ProjectContainer } from '../../docker/project-container.ts';

export type ProjectState =
  | { readonly kind: 'nothing' }
  /** Every container carries this release. */
  | { readonly kind: 'release'; readonly release: string }
  /** An activation has stopped half-way. The release with the most containers comes first. */
  | { readonly kind: 'mixed'; readonly releases: readonly string[] }
  /** Some containers of the project were not deployed by Nexus. */
  | { readonly kind: 'foreign'; readonly names: readonly string[]; readonly releases: readonly string[] };

/** The containers that make up what is deployed. */
export function deployedContainers(containers: readonly ProjectContainer[]): ProjectContainer[] {
  return containers.filter(({ isOneOff, state }) => !isOneOff && state !== 'removing');
}

export function readProject(containers: readonly ProjectContainer[]): ProjectState {
  const counts = new Map<string, number>();
  const foreign: string[] = [];
  for (const { release, name } of deployedContainers(containers)) {
    if (release === null) foreign.push(name);
    else counts.set(release, (counts.get(release) ?? 0) + 1);
  }
  const releases = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([release]) => release);
  if (foreign.length > 0) return { kind: 'foreign', names: foreign.sort(), releases };
  const [first, ...others] = releases;
  if (first === undefined) return { kind: 'nothing' };
  return others.length === 0 ? { kind: 'release', release: first } : { kind: 'mixed', releases };
}

/** The release that a rollback would lead to; null when nothing of Nexus's runs. */
export function findFallback(containers: readonly ProjectContainer[]): string | null {
  const project = readProject(containers);
  switch (project.kind) {
    case 'nothing':
    case 'foreign':
      return null;
    case 'release':
      return project.release;
    case 'mixed':
      return project.releases[0] ?? null;
  }
}
