/** Who may post: every way to be nobody, on both routes of telemetry. */
import { randomBytes } from 'node:crypto';
import { TOKEN_ENTROPY_BYTES } from '../../src/domain/token.ts';
import { mintToken } from '../../src/trust/token-secret.ts';
import { bareTick, telemetryBody } from '../wire/telemetry-body.ts';
import { NOON } from './appliance-under-test.ts';
import { agentHeaders, BATCH, type Given, post, type Row, TELEMETRY } from './row.ts';

interface Presented {
  readonly name: string;
  /** The Authorization header; undefined: none. */
  readonly authorization: (given: Given) => string | undefined;
  readonly prepare?: Pick<Row, 'given' | 'credential'>;
}

/** The token with another last character, so that its checksum is wrong. */
function withWrongChecksum(token: string): string {
  return `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`;
}

const bearer = (given: Given): string => `Bearer ${given.host.token.token}`;

const NOBODIES: readonly Presented[] = [
  { name: 'no Authorization header', authorization: () => undefined },
  { name: 'an empty Authorization header', authorization: () => '' },
  { name: 'a scheme without a token', authorization: () => 'Bearer' },
  { name: 'a scheme and white space', authorization: () => 'Bearer   ' },
  { name: 'a token without a scheme', authorization: ({ host }) => host.token.token },
  { name: 'the token as Basic credentials', authorization: ({ host }) => `Basic ${btoa(`agent:${host.token.token}`)}` },
  { name: 'the token under another scheme', authorization: ({ host }) => `Token ${host.token.token}` },
  { name: 'the scheme and the token run together', authorization: ({ host }) => `Bearer${host.token.token}` },
  { name: 'the token in quotes', authorization: ({ host }) => `Bearer "${host.token.token}"` },
  { name: 'two tokens', authorization: ({ host }) => `Bearer ${host.token.token} ${host.token.token}` },
  { name: 'garbage', authorization: () => 'Bearer ÿþ%00../../etc/passwd' },
  { name: 'an SQL sentence', authorization: () => "Bearer ' OR 1=1 --" },
  { name: 'fifteen thousand characters', authorization: () => `Bearer ${'x'.repeat(15_000)}` },
  {
    name: 'a token nobody made, with a right checksum',
    authorization: () => `Bearer ${mintToken('agent', randomBytes(TOKEN_ENTROPY_BYTES)).plaintext}`,
  },
  {
    name: 'a token with a wrong checksum',
    authorization: ({ host }) => `Bearer ${withWrongChecksum(host.token.token)}`,
  },
  { name: 'a token cut short', authorization: ({ host }) => `Bearer ${host.token.token.slice(0, -1)}` },
  { name: 'a token with a character too many', authorization: (given) => `${bearer(given)}x` },
  { name: 'a token in the other case', authorization: ({ host }) => `Bearer ${host.token.token.toUpperCase()}` },
  { name: 'the id of a token', authorization: ({ host }) => `Bearer ${host.token.id}` },
  {
    name: 'an admin token',
    prepare: { credential: ({ server }) => server.operator.createAdminToken() },
    authorization: bearer,
  },
  {
    name: 'a revoked token',
    prepare: { given: ({ server, host }) => server.operator.revokeToken(host.token.id) },
    authorization: bearer,
  },
  {
    name: 'a rotated token',
    prepare: { given: ({ server, host }) => server.operator.rotateToken(host.token.id) },
    authorization: bearer,
  },
  {
    name: 'the token of an archived host',
    prepare: { given: ({ server, host }) => server.operator.archiveHost(host.name) },
    authorization: bearer,
  },
];

function nobodyRow(path: string, presented: Presented): Row {
  return {
    name: `${presented.name} is nobody on ${path}`,
    ...presented.prepare,
    send(given) {
      const authorization = presented.authorization(given);
      const body = path === BATCH ? { ticks: [telemetryBody()] } : telemetryBody();
      const headers = agentHeaders('', { authorization });
      return given.server.agents.send({ method: 'POST', path, headers, body: JSON.stringify(body) });
    },
    status: 401,
    stored: 0,
  };
}

/** A token of sixty seconds, presented when the server's clock shows `time`. */
function expiringRow(name: string, time: string, status: number, stored: number): Row {
  return {
    name,
    credential: ({ server, host }) => server.operator.createToken(host.name, { expires_in_seconds: 60 }),
    async send(given) {
      given.server.clock.set(time);
      const reply = await post(bareTick(NOON))(given);
      given.server.clock.set(NOON);
      return reply;
    },
    status,
    stored,
  };
}

function somebodyRow(name: string, authorization: (token: string) => string): Row {
  return {
    name,
    send: ({ server, host }) =>
      server.agents.send({
        method: 'POST',
        path: TELEMETRY,
        headers: agentHeaders('', { authorization: authorization(host.token.token) }),
        body: JSON.stringify(telemetryBody()),
      }),
    status: 204,
    stored: 1,
  };
}

export const IDENTITY_ROWS: readonly Row[] = [
  ...[TELEMETRY, BATCH].flatMap((path) => NOBODIES.map((presented) => nobodyRow(path, presented))),
  {
    name: 'a token in the query string is nobody',
    send: ({ server, host }) =>
      server.agents.send({
        method: 'POST',
        path: `${TELEMETRY}?access_token=${host.token.token}`,
        headers: agentHeaders('', { authorization: undefined }),
        body: JSON.stringify(telemetryBody()),
      }),
    status: 401,
    stored: 0,
  },
  {
    name: 'a token in a cookie is nobody',
    send: ({ server, host }) =>
      server.agents.send({
        method: 'POST',
        path: TELEMETRY,
        headers: agentHeaders('', { authorization: undefined, cookie: `token=${host.token.token}` }),
        body: JSON.stringify(telemetryBody()),
      }),
    status: 401,
    stored: 0,
  },
  {
    name: 'the Unix socket is no identity of an agent',
    send: ({ server }) => server.operator.send('POST', TELEMETRY, telemetryBody()),
    status: 401,
    stored: 0,
  },
  {
    name: 'an agent on the Unix socket is known by its token',
    send: ({ server, host }) =>
      server.operator.send('POST', TELEMETRY, telemetryBody(), { authorization: `Bearer ${host.token.token}` }),
    status: 204,
    stored: 1,
  },
  expiringRow('a token is good until the second before it expires', '2026-03-01T12:00:59Z', 204, 1),
  expiringRow('a token is nobody from the second it expires', '2026-03-01T12:01:00Z', 401, 0),
  somebodyRow('the scheme is Bearer in any case', (token) => `bEARER ${token}`),
  somebodyRow('white space between scheme and token does not matter', (token) => `Bearer    ${token}`),
  {
    name: 'a second token of a host is as good as the first',
    credential: ({ server, host }) => server.operator.createToken(host.name, { name: 'spare' }),
    send: post(telemetryBody()),
    status: 204,
    stored: 1,
  },
];
