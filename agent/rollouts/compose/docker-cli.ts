import { objectToComposeVersion } from '../../../src/domain/compose-version.ts';
import { NexusError } from '../../../src/domain/errors.ts';
import type { StepLimit } from '../activator.ts';
import { versionCommand } from './command.ts';
import type { CommandResult } from './run-command.ts';

const VERSION_LIMIT_MS = 20_000;

/**
 * Runs the Docker CLI with these arguments, in a folder that is there, against the one engine of the agent. Never
 * throws: whatever it comes to is its result.
 */
export type RunDocker = (args: readonly string[], folder: string, limit: StepLimit) => Promise<CommandResult>;

/** Throws `invalid` with a sentence when there is no Compose that can be used. */
export async function requireCompose(runDocker: RunDocker, folder: string, signal: AbortSignal): Promise<void> {
  const limit = { limitMs: VERSION_LIMIT_MS, signal };
  const { exitCode, stdout, errorTail } = await runDocker(versionCommand(), folder, limit);
  if (exitCode !== 0) {
    throw new NexusError(
      'invalid',
      `Docker Compose cannot be used on this host: ${errorTail === '' ? `'docker compose version' ends with ${exitCode}` : errorTail}. Install the Compose plugin (v2) of the Docker CLI`,
      { details: { exit_code: exitCode, trouble: 'compose' } },
    );
  }
  const objection = objectToComposeVersion(stdout);
  if (objection !== null) throw new NexusError('invalid', objection, { details: { trouble: 'compose' } });
}

/** What Compose calls its version; null when there is none that answers. */
export async function readComposeVersion(runDocker: RunDocker, signal: AbortSignal): Promise<string | null> {
  const limit = { limitMs: VERSION_LIMIT_MS, signal };
  const { exitCode, stdout } = await runDocker(versionCommand(), '/', limit);
  return exitCode === 0 ? stdout.trim() : null;
}
