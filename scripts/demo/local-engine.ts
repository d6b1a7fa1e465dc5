import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import * as z from 'zod';

const DEFAULT_SOCKET = '/var/run/docker.sock';
const ANSWER_TIMEOUT_MS = 5_000;

/** Engine API, `GET /containers/json`: running ones only, unless asked for all. */
const containersSchema = z.array(z.object({ Names: z.array(z.string()), State: z.string() }));

/** The engine that DOCKER_HOST names, or the usual one; its running containers when it answers, or why it does not. */
export type LocalEngine =
  | { readonly socketPath: string; readonly running: readonly string[] }
  | { readonly socketPath: string; readonly absent: string };

/** The path in DOCKER_HOST; throws for an engine on another machine, which no agent here could read. */
export function engineSocketPath(dockerHost: string | undefined): string {
  if (dockerHost === undefined || dockerHost === '') return DEFAULT_SOCKET;
  if (dockerHost.startsWith('unix:///')) return dockerHost.slice('unix://'.length);
  throw new Error(
    `DOCKER_HOST is ${dockerHost}, and the demo shows the engine of this machine: set it to unix:///path/to/docker.sock, or unset it.`,
  );
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, headers: { host: 'docker' } }, (response) => {
      if (response.statusCode === 200) text(response).then(resolve, reject);
      else reject(new Error(`it answers ${response.statusCode}`));
    });
    call.setTimeout(ANSWER_TIMEOUT_MS, () => call.destroy(new Error(`no answer in ${ANSWER_TIMEOUT_MS / 1000} s`)));
    call.on('error', reject);
    call.end();
  });
}

/** Asks the engine itself, not Nexus: what the demo shows is compared with this. */
export async function askEngine(socketPath: string): Promise<LocalEngine> {
  try {
    const containers = containersSchema.parse(JSON.parse(await get(socketPath, '/containers/json')));
    const running = containers.filter((container) => container.State === 'running');
    return { socketPath, running: running.map((container) => (container.Names[0] ?? '').replace(/^\//, '')) };
  } catch (error) {
    return { socketPath, absent: error instanceof Error ? error.message : String(error) };
  }
}
