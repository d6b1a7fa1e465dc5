/** What has to be cleaned up before Compose can go on after a crash. */
import type { ProjectContainer } from '../../docker/project-container.ts';

export type CleanUpStep =
  | { readonly do: 'remove'; readonly id: string; readonly name: string }
  | { readonly do: 'rename'; readonly id: string; readonly name: string };

/**
 * Compose replaces a container in four steps: it creates the new one under a temporary name (the first twelve digits of
 * the old one's id, `_`, and the name), stops the old one, removes it, and renames the new one. Cut off in between, the
 * temporary name stays, and the next `up` fails with 'name is already in use'.
 *
 * While the container it was to replace is there, the new one has never run and holds no data: it is removed. Once
 * the old one is gone, the new one has inherited its anonymous volumes: it is renamed.
 *
 * `afresh`: containers of a release that never ran are removed too. What an engine that crashed has left of starting one
 * can keep it from ever starting ('task already exists').
 */
export function planCleanUp(containers: readonly ProjectContainer[], afresh: boolean): CleanUpStep[] {
  const names = new Set(containers.map(({ name }) => name));
  return containers.flatMap((container): CleanUpStep[] => {
    const { id, replaces, state, release } = container;
    if (state !== 'created') return [];
    if (afresh && release !== null) return [{ do: 'remove', id, name: container.name }];
    const name = /^[0-9a-f]{12}_(.+)$/.exec(container.name)?.[1];
    if (name === undefined || replaces === null) return [];
    if (names.has(name)) return [{ do: 'remove', id, name: container.name }];
    names.add(name);
    return [{ do: 'rename', id, name }];
  });
}
