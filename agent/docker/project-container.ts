/** What a rollout needs to know about a container of a Compose project. */
export interface ProjectContainer {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  readonly service: string;
  /** The release that it belongs to, by its {@link RELEASE_LABEL}; null when it has none, because Nexus did not create it. */
  readonly release: string | null;
  /** Created by `docker compose run`, so not part of what is deployed. */
  readonly isOneOff: boolean;
  readonly state: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  readonly health: 'starting' | 'healthy' | 'unhealthy' | null;
  /** The last output of its health check. */
  readonly healthOutput: string;
  readonly exitCode: number;
  /** The kernel ended its last run for want of memory. */
  readonly oomKilled: boolean;
  /** How often the engine has restarted it. */
  readonly restartCount: number;
  /** Milliseconds since the epoch, by the engine's clock; 0 when it does not tell. */
  readonly createdAtMs: number;
  /** Milliseconds since the epoch; null when it never ran. */
  readonly startedAtMs: number | null;
  /** Id of the container that Compose created it to replace; it stays set afterwards. */
  readonly replaces: string | null;
  /** Id of its image. */
  readonly imageId: string;
  /** Compose's hash of the service that it was made from; null when Compose did not make it. */
  readonly configHash: string | null;
}

export { RELEASE_LABEL } from '../../src/domain/container.ts';
/** On containers that never run, and are there so that no prune takes their images; its value is the stack. */
export const KEEPS_LABEL = 'nexus.keeps';
/** Labels that Compose sets itself. */
export const PROJECT_LABEL = 'com.docker.compose.project';
export const SERVICE_LABEL = 'com.docker.compose.service';
export const ONE_OFF_LABEL = 'com.docker.compose.oneoff';
export const CONFIG_HASH_LABEL = 'com.docker.compose.config-hash';
export const REPLACE_LABEL = 'com.docker.compose.replace';
