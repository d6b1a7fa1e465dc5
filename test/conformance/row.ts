/** One row of the conformance table: what is sent, what is answered, and what is stored of it. */
import assert from 'node:assert/strict';
import type { MintedTokenBody } from '../../src/wire/operator.ts';
import type { Call, Reply } from '../http/http-client.ts';
import type { JsonObject } from '../wire/telemetry-body.ts';
import { type ApplianceUnderTest, countTicks, type ReportingHost, type Snapshot } from './appliance-under-test.ts';

export interface Given {
  readonly server: ApplianceUnderTest;
  /** Added for this row alone; it has one token and has never reported. */
  readonly host: ReportingHost;
}

export interface Outcome extends Given {
  readonly reply: Reply;
  readonly before: Snapshot;
  readonly after: Snapshot;
}

export interface Row {
  readonly name: string;
  /** Makes the token that is presented in place of the host's first one. */
  readonly credential?: (given: Given) => Promise<MintedTokenBody>;
  /** Brings about what must be so before the request; what it stores is not counted. */
  readonly given?: (given: Given) => Promise<unknown>;
  /** Sends the request, and whatever has to come before it; returns the answer that counts. */
  readonly send: (given: Given) => Promise<Reply>;
  readonly status: number;
  /** Ticks added to the host's history. */
  readonly stored: number;
  /** What else must be so. */
  readonly expect?: (outcome: Outcome) => Promise<void> | void;
}

export const TELEMETRY = '/agent/telemetry';
export const BATCH = '/agent/telemetry/batch';

/** The headers of a well-formed post; an override of `undefined` leaves one out. */
export function agentHeaders(
  token: string,
  overrides: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  const headers: Record<string, string> = {};
  const all = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...overrides };
  for (const [name, value] of Object.entries(all)) if (value !== undefined) headers[name] = value;
  return headers;
}

/** Posts a body with the host's own token. */
export function post(
  body: JsonObject | string | Uint8Array,
  options: { path?: string; headers?: Readonly<Record<string, string | undefined>> } = {},
): (given: Given) => Promise<Reply> {
  return ({ server, host }) => {
    const call: Call = {
      method: 'POST',
      path: options.path ?? TELEMETRY,
      headers: agentHeaders(host.token.token, options.headers),
      body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    };
    return server.agents.send(call);
  };
}

export function postBatch(ticks: unknown): (given: Given) => Promise<Reply> {
  return post({ ticks }, { path: BATCH });
}

/** Sends a request byte for byte: its headers as lines, with the host's own identity, and its body in pieces. */
export function postBytes(
  headerLines: readonly string[],
  pieces: ReadonlyArray<string | Uint8Array>,
  after: 'wait' | 'half-close' = 'wait',
): (given: Given) => Promise<Reply> {
  return ({ server, host }) => {
    const head = [
      `POST ${TELEMETRY} HTTP/1.1`,
      'Host: nexus',
      `Authorization: Bearer ${host.token.token}`,
      'Content-Type: application/json',
      ...headerLines,
    ];
    return server.agents.sendBytes([`${head.join('\r\n')}\r\n\r\n`, ...pieces], after);
  };
}

/** The fields that a 422 complains about, in order. */
export function errorPaths(reply: Reply): string[] {
  const { errors } = JSON.parse(reply.body) as { errors: Array<{ path: string }> };
  return errors.map((error) => error.path);
}

/** Every refusal has the form that its status promises. */
function assertForm(reply: Reply): void {
  if (reply.status === 401) assert.equal(reply.body, '', 'a 401 of the agent API has no body');
  if (reply.status === 429 || reply.status === 503) assert.match(String(reply.headers['retry-after']), /^[1-9]\d*$/);
  if ([413, 415, 422, 429].includes(reply.status)) {
    assert.equal(reply.headers['content-type'], 'application/problem+json');
    const problem = JSON.parse(reply.body) as { status: number };
    assert.equal(problem.status, reply.status);
  }
  if (reply.status === 422) assert.notEqual(errorPaths(reply).length, 0);
}

function withToken({ server, host }: Given, token: MintedTokenBody): Given {
  return { server, host: { ...host, token } };
}

/** Sends a row's request and asserts what the row promises. */
export async function check(server: ApplianceUnderTest, row: Row): Promise<void> {
  let given: Given = { server, host: await server.addHost() };
  if (row.credential !== undefined) given = withToken(given, await row.credential(given));
  await row.given?.(given);
  const before = await server.snapshot(given.host.name);
  const reply = await row.send(given);
  const after = await server.snapshot(given.host.name);
  assert.equal(reply.status, row.status, reply.body.slice(0, 500));
  assertForm(reply);
  assert.equal(countTicks(after) - countTicks(before), row.stored, 'ticks stored');
  assert.equal(after.otherHosts, before.otherHosts, 'other hosts are as they were');
  if (row.stored === 0) assert.deepEqual(after, before, 'nothing at all was stored');
  await row.expect?.({ ...given, reply, before, after });
}
