/**
 * What this program calls itself. The build replaces both names below with literals, so the executable carries its
 * own version and needs no package.json beside it; straight from the sources they are simply not defined.
 */
declare const __NEXUS_VERSION__: string | undefined;
declare const __NEXUS_COMMIT__: string | undefined;

/** Semantic version of the build, or `0.0.0-source` when the sources run unbundled. */
export const NEXUS_VERSION: string = typeof __NEXUS_VERSION__ === 'string' ? __NEXUS_VERSION__ : '0.0.0-source';

/** Commit the executable was built from, shortened to 12 digits; null for a build outside a repository or unbundled sources. */
export const NEXUS_COMMIT: string | null =
  typeof __NEXUS_COMMIT__ === 'string' && __NEXUS_COMMIT__ !== '' ? __NEXUS_COMMIT__ : null;
