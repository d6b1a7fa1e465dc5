import { open, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { NexusError } from '../../src/domain/errors.ts';
import { makeDirectory } from './make-directory.ts';
import { nodeFileSystem } from './node-file-system.ts';

const NAME = 'agent.lock';
const DIRECTORY_MODE = 0o700;

export interface StateDirLock {
  release(): Promise<void>;
}

/** Locks a state directory, making it where needed; see {@link lockStateDir}. */
export type LockStateDir = (directory: string) => Promise<StateDirLock>;

function listen(path: string): Promise<Server | 'taken'> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve('taken');
      else reject(error);
    });
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/**
 * Makes sure that only one agent uses a state directory, by listening on a socket in it: a socket nobody listens on is
 * a dead agent's and is taken over, so a crash never leaves a lock behind, and agents in different containers that
 * share the directory see each other. Throws `conflict` when another agent has it, the system's error when the
 * directory cannot be used.
 */
export async function lockStateDir(directory: string): Promise<StateDirLock> {
  await makeDirectory(nodeFileSystem, directory, DIRECTORY_MODE);
  const handle = await open(directory, 'r');
  // A socket's path may be 107 bytes at most; through the open directory it is always short.
  const path = `/proc/self/fd/${handle.fd}/${NAME}`;
  try {
    let server = await listen(path);
    if (server === 'taken' && !(await isAnswered(path))) {
      await rm(path, { force: true });
      server = await listen(path);
    }
    if (server === 'taken') {
      throw new NexusError(
        'conflict',
        `Another agent uses the state directory ${directory}. Stop it, or give this one another directory with --state-dir or NEXUS_AGENT_STATE_DIR.`,
      );
    }
    const listening = server;
    return {
      release: async () => {
        // Closing removes the socket's file, which needs the directory still open.
        await new Promise<void>((resolve) => listening.close(() => resolve()));
        await handle.close();
      },
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
