import { messageOf, NexusError } from '../../src/domain/errors.ts';

/** Why the engine did not answer, in the distinctions that an operator acts on. */
export type EngineFailure = 'absent' | 'forbidden' | 'silent' | 'refused';

const FAILURE_BY_CODE: Readonly<Record<string, EngineFailure>> = {
  ENOENT: 'absent',
  ENOTDIR: 'absent',
  ECONNREFUSED: 'absent',
  ENOTSOCK: 'absent',
  EACCES: 'forbidden',
  EPERM: 'forbidden',
  ETIMEDOUT: 'silent',
  ABORT_ERR: 'silent',
};

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'ABORT_ERR';
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Translates what an exchange with the engine throws; `details.failure` is an {@link EngineFailure}. */
export function engineError(error: unknown, socketPath: string): NexusError {
  if (error instanceof NexusError) return error;
  const failure = FAILURE_BY_CODE[codeOf(error)] ?? 'absent';
  return new NexusError(
    failure === 'forbidden' ? 'forbidden' : 'unreachable',
    `The Docker Engine at ${socketPath} cannot be asked: ${messageOf(error)}`,
    { cause: error, details: { failure } },
  );
}

/** The failure inside an error of {@link engineError}. */
export function failureOf(error: unknown): EngineFailure {
  const failure = error instanceof NexusError ? error.details['failure'] : undefined;
  return failure === 'forbidden' || failure === 'silent' || failure === 'refused' ? failure : 'absent';
}

/** Tells an operator, in a sentence or two, what a failure means and what to do about it. */
export function explainEngineFailure(failure: EngineFailure, socketPath: string): string {
  switch (failure) {
    case 'absent':
      return `no Docker Engine answers at ${socketPath}: reporting the host alone until one does`;
    case 'forbidden':
      return (
        `permission denied on ${socketPath}: reporting the host alone. Add the agent's user to the group that owns ` +
        'the socket (usermod -aG docker USER, or SupplementaryGroups=docker in its unit) and restart the agent'
      );
    case 'silent':
      return `the Docker Engine at ${socketPath} does not answer in time: reporting what is known without it`;
    case 'refused':
      return `the Docker Engine at ${socketPath} refuses what the agent asks: reporting the host alone`;
  }
}
