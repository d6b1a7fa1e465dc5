/** A container of a Compose project, as far as a rollout has to know it. */
export interface ProjectContainer {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  readonly service: string;
  /** What its {@link RELEASE_LABEL} says; null when it has none, so that somebody else made it. */
  readonly release: string | null;
  /** Of `docker compose run`: not a part of what is deployed. */
  readonly isOneOff: boolean;
  readonly state: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  readonly health: 'starting' | 'healthy' | 'unhealthy' | null;
  /** The last words of its healthcheck. */
  readonly healthOutput: string;
  readonly exitCode: number;
  /** By the engine, since it was created. */
  readonly restartCount: number;
  /** Milliseconds since the epoch; null when it never ran. */
  readonly startedAtMs: number | null;
  /** Id of the container that it was made to replace; stays set afterwards. */
  readonly replaces: string | null;
  /** Id of its image. */
  readonly imageId: string;
}

/** The label that says which release a container belongs to. */
export const RELEASE_LABEL = 'nexus.release';
/** Labels that Compose sets itself. */
export const PROJECT_LABEL = 'com.docker.compose.project';
export const SERVICE_LABEL = 'com.docker.compose.service';
export const ONE_OFF_LABEL = 'com.docker.compose.oneoff';
export const REPLACE_LABEL = 'com.docker.compose.replace';
