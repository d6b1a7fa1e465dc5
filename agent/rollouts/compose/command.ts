/** Command lines of Docker Compose v2, as argument lists for the `docker` program. */

/** A release's files on this host. */
export interface ProjectFiles {
  readonly stack: string;
  /** What relative paths in the Compose file are relative to. */
  readonly directory: string;
  /** Compose files in the order in which they are merged. */
  readonly composeFiles: readonly string[];
}

export function versionCommand(): string[] {
  return ['compose', 'version', '--short'];
}

/** Resolves variables, defaults and files into one JSON document on stdout. */
export function configCommand(files: ProjectFiles): string[] {
  return [...projectArguments(files), 'config', '--format', 'json'];
}

/** Prints how Compose identifies the definition of each service: a container that was made from another one is replaced. */
export function hashCommand(files: ProjectFiles): string[] {
  return [...projectArguments(files), 'config', '--hash', '*'];
}

/** Pulls the images of `services` by their pull policies. */
export function pullCommand(files: ProjectFiles, services: readonly string[]): string[] {
  return [...projectArguments(files), 'pull', '--quiet', ...services];
}

/** Pulls one image by its digest, which no registry can give another content. */
export function pullByDigestCommand(reference: string): string[] {
  return ['pull', '--quiet', reference];
}

/**
 * Makes the project what the file says, and waits until it runs and is healthy. Images are neither pulled nor built
 * here: everything is on the host before anything stops. `services`: only these, whatever they depend on; empty: all.
 */
export function upCommand(files: ProjectFiles, waitSeconds: number, services: readonly string[]): string[] {
  return [
    ...projectArguments(files),
    'up',
    '--detach',
    '--no-build',
    ...['--pull', 'never'],
    '--remove-orphans',
    '--wait',
    ...['--wait-timeout', String(waitSeconds)],
    ...(services.length === 0 ? [] : ['--no-deps', ...services]),
  ];
}

/** As {@link upCommand}, for services whose containers are made again although nothing about them changes. */
export function renewCommand(files: ProjectFiles, waitSeconds: number, services: readonly string[]): string[] {
  return [...upCommand(files, waitSeconds, services), '--force-recreate'];
}

/** Removes containers and networks of a project by their labels, but not its volumes; needs no file. */
export function downCommand(stack: string): string[] {
  return ['compose', '--ansi', 'never', '--project-name', stack, 'down', '--remove-orphans'];
}

function projectArguments({ stack, directory, composeFiles }: ProjectFiles): string[] {
  return [
    'compose',
    ...['--ansi', 'never'],
    ...['--project-name', stack],
    ...['--project-directory', directory],
    ...composeFiles.flatMap((file) => ['--file', file]),
  ];
}
