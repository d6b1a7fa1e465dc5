import { createHash } from 'node:crypto';
import { NexusError } from '../../../src/domain/errors.ts';
import { parseWith } from '../../../src/wire/problem.ts';
import { type Manifest, manifestSchema, type ProbeBody, readPolicy } from '../../../src/wire/release.ts';
import type { CustomProbe, Plan } from '../record/stack-record.ts';

/** A release's name: SHA-256 over the bytes of its manifest, which are its RFC 8785 form. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * The manifest in `bytes`. Throws `invalid` when they are not what `digest` names, not a manifest that this agent
 * understands, or of another stack.
 */
export function verifyManifest(bytes: Uint8Array, digest: string, stack: string): Manifest {
  const actual = digestOf(bytes);
  if (actual !== digest) {
    throw new NexusError(
      'invalid',
      `the manifest that was received is ${actual}, not ${digest}: it was changed in transit or in storage, and is not used`,
    );
  }
  const parsed = parseWith(manifestSchema, parse(bytes));
  if (!parsed.ok) {
    const rules = parsed.errors
      .slice(0, 3)
      .map(({ path, message }) => `${path === '' ? 'the manifest' : path} ${message}`);
    throw new NexusError(
      'invalid',
      `the manifest ${digest} cannot be read by this agent (${rules.join('; ')}): is the agent older than the server?`,
    );
  }
  if (parsed.value.stack !== stack) {
    throw new NexusError('invalid', `the manifest ${digest} is of the stack ${parsed.value.stack}, not ${stack}`);
  }
  return parsed.value;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** How a release is brought up and judged. */
export function planOf(manifest: Manifest, services: Plan['services']): Plan {
  const policy = readPolicy(manifest);
  return {
    activationTimeoutMs: policy.activationTimeoutSeconds * 1000,
    sustainedFailureMs: policy.sustainedFailureSeconds * 1000,
    soakMs: policy.soakSeconds * 1000,
    onHealthFailure: policy.onHealthFailure,
    pullBudgetMs: policy.pullBudgetSeconds * 1000,
    maxRestarts: policy.maxRestarts,
    rerunsJobs: policy.rerunJobsOnRollback,
    confirmMs: policy.confirmSeconds * 1000,
    healsDrift: policy.onDrift === 'heal',
    probes: (manifest.probes ?? []).map(readProbe),
    services,
  };
}

function readProbe(probe: ProbeBody): CustomProbe {
  const base = {
    name: probe.name,
    mode: probe.mode,
    intervalMs: probe.interval_seconds * 1000,
    timeoutMs: probe.timeout_seconds * 1000,
  };
  if ('http' in probe) {
    return { ...base, check: { kind: 'http', url: probe.http.url, status: probe.http.status ?? null } };
  }
  if ('tcp' in probe) return { ...base, check: { kind: 'tcp', address: probe.tcp.address } };
  return { ...base, check: { kind: 'exec', service: probe.exec.service, command: probe.exec.command } };
}
