import { assertNever, messageOf, NexusError } from '../../../src/domain/errors.ts';
import type { Runtime } from '../../../src/domain/runtime.ts';
import { failureOf } from '../../docker/explain-engine-failure.ts';
import type { ProjectEngine } from '../../docker/project-engine.ts';
import type { CustomProbe } from '../record/stack-record.ts';
import type { CheckResult, OpenCheck } from './check.ts';
import { ExecCheck } from './exec-check.ts';
import { checkHttp, checkTcp, type FailureReason } from './run-check.ts';

/** Probes over this host's network and its engine. */
export function systemChecks(engine: ProjectEngine, runtime: Runtime): OpenCheck {
  return (stack, check) => {
    const attempt = attemptOf(engine, runtime, stack, check);
    return (timeoutMs) => attempt(timeoutMs).then(resultOf, explain);
  };
}

function attemptOf(
  engine: ProjectEngine,
  runtime: Runtime,
  stack: string,
  check: CustomProbe['check'],
): (timeoutMs: number) => Promise<FailureReason> {
  switch (check.kind) {
    case 'http':
      return (timeoutMs) => checkHttp(runtime, check.url, check.status, timeoutMs);
    case 'tcp':
      return (timeoutMs) => checkTcp(runtime, check.address, timeoutMs);
    case 'exec': {
      const exec = new ExecCheck(engine, stack, check.service, check.command);
      return (timeoutMs) => exec.run(timeoutMs);
    }
    default:
      return assertNever(check);
  }
}

function resultOf(reason: FailureReason): CheckResult {
  return reason === null ? { status: 'pass' } : { status: 'fail', reason };
}

function explain(error: unknown): CheckResult {
  const isEngineAway = error instanceof NexusError && error.code === 'unreachable' && failureOf(error) === 'absent';
  return isEngineAway ? { status: 'unknown' } : { status: 'fail', reason: messageOf(error) };
}
