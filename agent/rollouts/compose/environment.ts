import type { Environment } from '../../settings.ts';
import { CHILD_MARK } from './end-orphans.ts';

/** The variables by which the Docker CLI is found, finds its credentials and plugins, and reaches registries. */
const PASSED_ON = [
  'PATH',
  'HOME',
  'DOCKER_CONFIG',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
] as const;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The environment of every command. It contains as little of the agent's own as possible, and never its token: a
 * Compose file may write any variable into a container.
 */
export function composeEnvironment(env: Environment, socketPath: string, stateDir: string): Environment {
  const passed = PASSED_ON.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]));
  return {
    PATH: DEFAULT_PATH,
    ...Object.fromEntries(passed),
    DOCKER_HOST: `unix://${socketPath}`,
    [CHILD_MARK]: stateDir,
  };
}
