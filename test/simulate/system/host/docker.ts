/** The agent's port to its Docker Engine, over a simulated one. */
import type { Docker, DockerReply, DockerRequest } from '../../../../agent/docker/docker.ts';
import { engineError } from '../../../../agent/docker/explain-engine-failure.ts';
import type { SimulatedProcess } from '../kernel/machine.ts';
import type { Engine, EngineAnswer } from './engine.ts';

const SOCKET = '/var/run/docker.sock';
const TIMEOUT_MS = 5_000;

export function dockerOf(process: SimulatedProcess, engine: Engine): Docker {
  /** The engine's answer, or a rejection once it has had its time. */
  function ask({ method, path, body, timeoutMs = TIMEOUT_MS }: DockerRequest): Promise<EngineAnswer> {
    return new Promise((resolve, reject) => {
      const limit = process.runtime.setTimer(timeoutMs, () => reject(new DOMException('no answer', 'TimeoutError')));
      engine
        .call(process, method, path, body)
        .then(resolve, reject)
        .finally(() => limit.cancel());
    });
  }
  async function call(request: DockerRequest): Promise<DockerReply> {
    try {
      const { status, body } = await ask(request);
      if (status >= 500) throw new Error(`it answers ${status}`);
      return { status, body: Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)) };
    } catch (error) {
      throw engineError(error, SOCKET);
    }
  }
  return {
    negotiate: async () => ({ version: '27.3.1', apiVersion: '1.47', minApiVersion: '1.24' }),
    call,
    stream: () => Promise.reject(new Error('the simulated engine has no streams')),
    close() {},
  };
}
