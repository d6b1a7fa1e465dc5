/** Bodies that are broken, hostile or merely unusual, and how they are wrapped. */
import assert from 'node:assert/strict';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { type ContainerBody, containerBodySchema, type HostBody, hostBodySchema } from '../../src/wire/operator.ts';
import { SeededRandom } from '../domain/seeded-random.ts';
import { bareTick, containerBody, telemetryBody } from '../wire/telemetry-body.ts';
import { BATCH, errorPaths, type Outcome, post, postBytes, type Row } from './row.ts';

const NOON = '2026-03-01T12:00:00Z';
const TWO_MIB = 2 * 1024 * 1024;
const SIXTEEN_MIB = 16 * 1024 * 1024;
const GOOD = JSON.stringify(telemetryBody());

function readHost(outcome: Outcome): HostBody {
  const [host] = hostBodySchema.array().parse(JSON.parse(outcome.after.host));
  assert(host !== undefined);
  return host;
}

function readContainers(outcome: Outcome): ContainerBody[] {
  const { containers } = JSON.parse(outcome.after.containers) as { containers: unknown };
  return containerBodySchema.array().parse(containers);
}

/** The good body with white space to this length: as large as it says, and nothing wrong with it. */
function paddedTo(bytes: number, body = GOOD): string {
  return body + ' '.repeat(bytes - body.length);
}

/** The good body with a field of our choice at its end, spelled as given. */
function goodWith(member: string): string {
  return `${GOOD.slice(0, -1)},${member}}`;
}

// ── Not JSON, or JSON of another shape ──

const NOT_JSON: ReadonlyArray<readonly [name: string, body: string | Uint8Array]> = [
  ['nothing at all', ''],
  ['white space', ' \n\t'],
  ['an opening brace', '{'],
  ['a body cut in the middle', GOOD.slice(0, GOOD.length / 2)],
  ['a body without its last character', GOOD.slice(0, -1)],
  ['something after the body', `${GOOD}x`],
  ['two bodies', GOOD + GOOD],
  ['a trailing comma', '{"recorded_at":"2026-03-01T12:00:00Z",}'],
  ['single quotes', "{'recorded_at':'2026-03-01T12:00:00Z'}"],
  ['bare keys', '{recorded_at:"2026-03-01T12:00:00Z"}'],
  ['a comment', `/* tick */${GOOD}`],
  ['NaN', goodWith('"x":NaN')],
  ['Infinity', goodWith('"x":Infinity')],
  ['a hexadecimal number', goodWith('"x":0x10')],
  ['a number with a leading zero', goodWith('"x":01')],
  ['a number with a plus sign', goodWith('"x":+1')],
  ['a bare word', 'nul'],
  ['a form', 'recorded_at=2026-03-01T12%3A00%3A00Z'],
  ['XML', '<tick recorded_at="2026-03-01T12:00:00Z"/>'],
  ['a control character in a string', goodWith('"x":"a\u0001b"')],
  ['a broken escape', goodWith('"x":"\\u12"')],
  ['a hundred thousand brackets, never closed', '['.repeat(100_000)],
  ['a hundred thousand braces, never closed', '{"a":'.repeat(100_000)],
  ['an invalid UTF-8 byte', Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff]), Buffer.from('"}')])],
  ['an overlong UTF-8 slash', Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')])],
  ['a surrogate in UTF-8', Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')])],
  ['a UTF-8 character cut short', Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xe2, 0x82])])],
  ['UTF-16', Buffer.from(GOOD, 'utf16le')],
  ['random bytes', Buffer.from([0x00, 0x9f, 0x92, 0x96, 0x10, 0x80])],
];

const OTHER_SHAPES: ReadonlyArray<readonly [name: string, body: string]> = [
  ['null', 'null'],
  ['true', 'true'],
  ['a number', '0'],
  ['a string', '"tick"'],
  ['a list', '[]'],
  ['a list of a tick', `[${GOOD}]`],
  ['an empty object', '{}'],
  ['sixteen nested lists', '['.repeat(16) + ']'.repeat(16)],
  ['sixteen nested objects', `${'{"host":'.repeat(16)}1${'}'.repeat(16)}`],
];

// ── JSON with a trap in it ──

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const nestedObjects = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

const TRAP = '"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}';

const TRAPS: readonly Row[] = [
  {
    name: '15 levels in a field that nobody knows are ignored',
    send: post(goodWith(`"deep":${nested(15)}`)),
    status: 204,
    stored: 1,
  },
  {
    name: '16 levels in a field that nobody knows are one too many',
    send: post(goodWith(`"deep":${nested(16)}`)),
    status: 400,
    stored: 0,
  },
  {
    name: 'a hundred thousand levels in a field that nobody knows are refused',
    send: post(goodWith(`"deep":${nested(100_000)}`)),
    status: 400,
    stored: 0,
  },
  {
    name: 'more than a hundred thousand parts in a field that nobody knows are refused',
    send: post(goodWith(`"wide":[${'[],'.repeat(40_000)}[]]`)),
    status: 413,
    stored: 0,
  },
  {
    name: 'a small body that unpacks to millions of lists is refused',
    send: post(gzipSync(goodWith(`"wide":[${'[],'.repeat(600_000)}[]]`)), { headers: { 'content-encoding': 'gzip' } }),
    status: 413,
    stored: 0,
  },
  {
    name: 'a hundred thousand levels in the labels are refused',
    send: post(GOOD.replace('{"com.docker.compose.project":"shop"}', nestedObjects(100_000))),
    status: 400,
    stored: 0,
  },
  {
    name: 'ten levels in the labels are refused for what they are',
    send: post(GOOD.replace('{"com.docker.compose.project":"shop"}', nestedObjects(10))),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(errorPaths(reply), ['containers.0.labels.a']),
  },
  {
    name: 'a hundred thousand levels in a number are refused',
    send: post(GOOD.replace('"cpu_percent":37.25', `"cpu_percent":${nested(100_000)}`)),
    status: 400,
    stored: 0,
  },
  {
    name: 'ten levels in a number are refused for what they are',
    send: post(GOOD.replace('"cpu_percent":37.25', `"cpu_percent":${nested(10)}`)),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(errorPaths(reply), ['host.metrics.cpu_percent']),
  },
  {
    name: 'a key given twice counts as it was given last',
    send: post(GOOD.replace('"load_average":1.5', '"load_average":"high","load_average":2.5')),
    status: 204,
    stored: 1,
    expect: (outcome) => assert.equal(readHost(outcome).metrics?.load_average, 2.5),
  },
  {
    name: 'a key given twice, wrong the second time, is refused',
    send: post(goodWith('"recorded_at":0')),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(errorPaths(reply), ['recorded_at']),
  },
  {
    name: '__proto__ at the top gives the body no fields',
    send: post('{"__proto__":{"recorded_at":"2026-03-01T12:00:00Z","host":{"metrics":{}}}}'),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(errorPaths(reply), ['recorded_at', 'host']),
  },
  {
    name: '__proto__ in the metrics gives them no values',
    send: post(`{"recorded_at":"${NOON}","host":{"metrics":{"__proto__":{"cpu_percent":50}}}}`),
    status: 204,
    stored: 1,
    expect: (outcome) => assert.equal(readHost(outcome).metrics?.cpu_percent, null),
  },
  {
    name: '__proto__ and constructor at every level pollute nothing',
    send: post(
      `{${TRAP},"recorded_at":"${NOON}","host":{${TRAP},"metrics":{${TRAP}},"facts":{${TRAP}}},` +
        `"containers":[{${TRAP},"container_id":"c","name":"n","image":"i","metrics":{${TRAP}}}]}`,
    ),
    status: 204,
    stored: 1,
    expect: () => assert.equal(Reflect.get({}, 'polluted'), undefined),
  },
  {
    name: 'a label may be called constructor or toString',
    send: post(GOOD.replace('"com.docker.compose.project":"shop"', '"constructor":"c","toString":"t"')),
    status: 204,
    stored: 1,
    expect: (outcome) => assert.deepEqual(readContainers(outcome)[0]?.labels, { constructor: 'c', toString: 't' }),
  },
  {
    name: 'a label called __proto__ must be a string as well',
    send: post(GOOD.replace('"com.docker.compose.project":"shop"', '"__proto__":{"polluted":true}')),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(errorPaths(reply), ['containers.0.labels.__proto__']),
  },
  {
    name: '1e999 is no percentage',
    send: post(GOOD.replace('"cpu_percent":37.25', '"cpu_percent":1e999')),
    status: 422,
    stored: 0,
  },
  {
    name: '1e999 is no load',
    send: post(GOOD.replace('"load_average":1.5', '"load_average":1e999')),
    status: 422,
    stored: 0,
  },
  {
    name: '1e999 is no count',
    send: post(GOOD.replace('"memory_used_mb":2048', '"memory_used_mb":1e999')),
    status: 422,
    stored: 0,
  },
  {
    name: '-1e999 is no count',
    send: post(GOOD.replace('"memory_used_mb":2048', '"memory_used_mb":-1e999')),
    status: 422,
    stored: 0,
  },
  {
    name: '1e999 in a field that nobody knows is ignored',
    send: post(goodWith('"x":1e999')),
    status: 204,
    stored: 1,
  },
  {
    name: 'the largest and the smallest number there are come back unchanged',
    send: post(
      GOOD.replace('"load_average":1.5', '"load_average":1.7976931348623157e308').replace(
        '"cpu_percent":12.5',
        '"cpu_percent":5e-324',
      ),
    ),
    status: 204,
    stored: 1,
    expect(outcome) {
      assert.equal(readHost(outcome).metrics?.load_average, 1.7976931348623157e308);
      assert.equal(readContainers(outcome)[0]?.metrics.cpu_percent, 5e-324);
    },
  },
  {
    name: 'half a surrogate pair is stored as the replacement character',
    send: post(GOOD.replace('"shop-web-1"', '"shop\\ud800web"').replace('"Debian GNU/Linux 13"', '"\\udfff"')),
    status: 204,
    stored: 1,
    expect: (outcome) => assert.equal(readContainers(outcome)[0]?.name, 'shop\ufffdweb'),
  },
  {
    name: 'ids that differ in half a surrogate pair alone are one container',
    send: post(
      bareTick(NOON, {
        containers: [
          containerBody({ container_id: 'c\ud800' }),
          containerBody({ container_id: 'c\ud801', name: 'last' }),
        ],
      }),
    ),
    status: 204,
    stored: 1,
    expect: (outcome) =>
      assert.deepEqual(
        readContainers(outcome).map((container) => [container.container_id, container.name]),
        [['c\ufffd', 'last']],
      ),
  },
  {
    name: 'a zero character in a name is kept',
    send: post(GOOD.replace('"shop-web-1"', '"shop\\u0000web"')),
    status: 204,
    stored: 1,
    expect: (outcome) => assert.equal(readContainers(outcome)[0]?.name, 'shop\u0000web'),
  },
  {
    name: 'characters of every plane are kept',
    send: post(GOOD.replace('"shop-web-1"', '"Lädchen-日本-🛒"')),
    status: 204,
    stored: 1,
    expect: (outcome) => assert.equal(readContainers(outcome)[0]?.name, 'Lädchen-日本-🛒'),
  },
  {
    name: 'SQL in a name is a name',
    send: post(GOOD.replace('"shop-web-1"', `"'); DROP TABLE ticks; --"`)),
    status: 204,
    stored: 1,
    expect: (outcome) => assert.equal(readContainers(outcome)[0]?.name, "'); DROP TABLE ticks; --"),
  },
  {
    name: 'a byte order mark before the body does not matter',
    send: post(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(GOOD)])),
    status: 204,
    stored: 1,
  },
  {
    name: 'fifty thousand wrong ports are refused with one error',
    send: post(GOOD.replace('["0.0.0.0:8080->80/tcp"]', `[${'1,'.repeat(49_999)}1]`)),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(errorPaths(reply), ['containers.0.ports.0']),
  },
  {
    name: 'forty thousand wrong labels are refused with one error',
    send: post(
      GOOD.replace(
        '"com.docker.compose.project":"shop"',
        Array.from({ length: 40_000 }, (_, index) => `"${index.toString(36)}":1`).join(','),
      ),
    ),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(errorPaths(reply), ['containers.0.labels.0']),
  },
  {
    name: 'five hundred wrong containers are answered with twenty errors',
    send: post(bareTick(NOON, { containers: Array.from({ length: 500 }, () => ({})) })),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.equal(errorPaths(reply).length, 20),
  },
];

// ── Types ──

const TYPES: ReadonlyArray<readonly [type: string | undefined, status: 204 | 415]> = [
  ['application/json', 204],
  ['APPLICATION/JSON', 204],
  ['application/json; charset=utf-8', 204],
  ['application/json;charset=UTF-8', 204],
  ['application/json; charset="utf-8"', 204],
  ['application/json; charset=utf8', 204],
  ['application/vnd.nexus+json', 204],
  [undefined, 415],
  ['', 415],
  ['json', 415],
  ['text/json', 415],
  ['text/plain', 415],
  ['text/plain; application/json', 415],
  ['application/jsonp', 415],
  ['application/json-seq', 415],
  ['application/x-www-form-urlencoded', 415],
  ['multipart/form-data; boundary=x', 415],
  ['application/octet-stream', 415],
  ['application/json; charset=utf-16', 415],
  ['application/json; charset=iso-8859-1', 415],
  ['application/json; charset=', 415],
];

// ── Wrapping ──

const gzip = (body: string | Uint8Array): Buffer => gzipSync(body);
const packed = (body: Uint8Array, encoding = 'gzip') => post(body, { headers: { 'content-encoding': encoding } });

function withByte(bytes: Buffer, index: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[index] = value;
  return copy;
}

/** A tick of exactly so many bytes that does not shrink much. */
function noisyTo(bytes: number): string {
  const random = new SeededRandom(1);
  const empty = goodWith('"noise":""');
  const noise = Array.from({ length: bytes - empty.length }, () => random.between(0, 35).toString(36)).join('');
  return empty.replace('"noise":""', `"noise":"${noise}"`);
}

const SQUEEZED = gzip(GOOD);

const WRAPPED: readonly Row[] = [
  { name: 'a gzip body is taken', send: packed(SQUEEZED), status: 204, stored: 1 },
  { name: 'gzip is known as x-gzip too', send: packed(SQUEEZED, 'x-gzip'), status: 204, stored: 1 },
  { name: 'GZIP in capitals is gzip', send: packed(SQUEEZED, 'GZIP'), status: 204, stored: 1 },
  { name: 'identity is no encoding', send: packed(Buffer.from(GOOD), 'identity'), status: 204, stored: 1 },
  {
    name: 'a gzip body of two members is taken as one',
    send: packed(Buffer.concat([gzip(GOOD.slice(0, 100)), gzip(GOOD.slice(100))])),
    status: 204,
    stored: 1,
  },
  { name: 'a gzip body cut short is refused', send: packed(SQUEEZED.subarray(0, -12)), status: 400, stored: 0 },
  { name: 'a gzip header alone is refused', send: packed(SQUEEZED.subarray(0, 10)), status: 400, stored: 0 },
  {
    name: 'a gzip body with a wrong checksum is refused',
    send: packed(withByte(SQUEEZED, SQUEEZED.length - 8, (SQUEEZED.at(-8) ?? 0) ^ 0xff)),
    status: 400,
    stored: 0,
  },
  {
    name: 'a gzip body damaged in the middle is refused',
    send: packed(withByte(SQUEEZED, 30, (SQUEEZED[30] ?? 0) ^ 0xff)),
    status: 400,
    stored: 0,
  },
  { name: 'plain JSON that calls itself gzip is refused', send: packed(Buffer.from(GOOD)), status: 400, stored: 0 },
  { name: 'gzip that does not say so is refused', send: post(SQUEEZED), status: 400, stored: 0 },
  { name: 'gzip of nothing is refused', send: packed(gzip('')), status: 400, stored: 0 },
  { name: 'an empty body that calls itself gzip is refused', send: packed(Buffer.alloc(0)), status: 400, stored: 0 },
  { name: 'gzip of something else than JSON is refused', send: packed(gzip('tick')), status: 400, stored: 0 },
  { name: 'gzip within gzip is refused', send: packed(gzip(SQUEEZED)), status: 400, stored: 0 },
  {
    name: 'gzip of a tick that breaks a rule is refused',
    send: packed(gzip(GOOD.replace('37.25', '101'))),
    status: 422,
    stored: 0,
  },
  {
    name: 'a body of 256 KiB may be as small within gzip as it likes',
    send: packed(gzip(paddedTo(256 * 1024))),
    status: 204,
    stored: 1,
  },
  {
    name: 'a larger body that is less than a fiftieth within gzip is refused',
    send: packed(gzip(paddedTo(256 * 1024 + 1))),
    status: 413,
    stored: 0,
  },
  {
    name: 'a gzip bomb of a hundred megabytes is refused',
    send: packed(gzip(Buffer.alloc(100_000_000, 0x20))),
    status: 413,
    stored: 0,
  },
  {
    name: 'a gzip bomb on the batch route is refused',
    send: post(gzip(Buffer.alloc(100_000_000, 0x20)), { path: BATCH, headers: { 'content-encoding': 'gzip' } }),
    status: 413,
    stored: 0,
  },
  { name: 'deflate is not understood', send: packed(deflateSync(GOOD), 'deflate'), status: 415, stored: 0 },
  { name: 'br is not understood', send: packed(brotliCompressSync(GOOD), 'br'), status: 415, stored: 0 },
  { name: 'zstd is not understood', send: packed(zstdCompressSync(GOOD), 'zstd'), status: 415, stored: 0 },
  { name: 'gzip twice is not understood', send: packed(gzip(SQUEEZED), 'gzip, gzip'), status: 415, stored: 0 },
  { name: 'an encoding nobody knows is not understood', send: packed(SQUEEZED, 'rot13'), status: 415, stored: 0 },
];

// ── Size ──

function chunked(bytes: string): string {
  return `${Buffer.byteLength(bytes).toString(16)}\r\n${bytes}\r\n`;
}

const CHUNKED = ['Transfer-Encoding: chunked'];
const MIB_CHUNK = chunked(' '.repeat(1024 * 1024));

const SIZES: readonly Row[] = [
  { name: 'a body of 2 MiB is taken', send: post(paddedTo(TWO_MIB)), status: 204, stored: 1 },
  { name: 'a body of 2 MiB and a byte is too large', send: post(paddedTo(TWO_MIB + 1)), status: 413, stored: 0 },
  { name: 'a body of 10 MB is too large', send: post(paddedTo(10_000_000)), status: 413, stored: 0 },
  {
    name: 'a body of 2 MiB within gzip is taken',
    send: packed(gzip(noisyTo(TWO_MIB))),
    status: 204,
    stored: 1,
  },
  {
    name: 'a body of 2 MiB and a byte within gzip is too large',
    send: packed(gzip(noisyTo(TWO_MIB + 1))),
    status: 413,
    stored: 0,
  },
  {
    name: 'a batch of 16 MiB is taken',
    send: post(paddedTo(SIXTEEN_MIB, `{"ticks":[${GOOD}]}`), { path: BATCH }),
    status: 204,
    stored: 1,
  },
  {
    name: 'a batch of 16 MiB and a byte is too large',
    send: post(paddedTo(SIXTEEN_MIB + 1, `{"ticks":[${GOOD}]}`), { path: BATCH }),
    status: 413,
    stored: 0,
  },
  {
    name: 'a declared size of 4 TB is refused before a byte of it',
    send: postBytes(['Content-Length: 4398046511104'], []),
    status: 413,
    stored: 0,
  },
  {
    name: 'a body in chunks is taken',
    send: postBytes(CHUNKED, [chunked(GOOD.slice(0, 50)), chunked(GOOD.slice(50)), '0\r\n\r\n']),
    status: 204,
    stored: 1,
  },
  {
    name: 'a body in chunks of 2 MiB is taken',
    send: postBytes(CHUNKED, [chunked(paddedTo(TWO_MIB)), '0\r\n\r\n']),
    status: 204,
    stored: 1,
  },
  {
    name: 'a body in chunks of 2 MiB and a byte is too large',
    send: postBytes(CHUNKED, [chunked(paddedTo(TWO_MIB + 1)), '0\r\n\r\n']),
    status: 413,
    stored: 0,
  },
  {
    name: 'chunks without an end are refused as soon as they are too large',
    send: postBytes(CHUNKED, [MIB_CHUNK, MIB_CHUNK, MIB_CHUNK]),
    status: 413,
    stored: 0,
  },
  {
    name: 'a body that ends before its declared size is refused',
    send: postBytes([`Content-Length: ${GOOD.length + 10}`], [GOOD], 'half-close'),
    status: 400,
    stored: 0,
  },
  {
    name: 'chunks that end too early are refused',
    send: postBytes(CHUNKED, [chunked(GOOD)], 'half-close'),
    status: 400,
    stored: 0,
  },
  {
    name: 'chunks with a broken size are refused',
    send: postBytes(CHUNKED, ['zz\r\n{}\r\n0\r\n\r\n']),
    status: 400,
    stored: 0,
  },
  {
    name: 'a size and chunks together are refused',
    send: postBytes([...CHUNKED, 'Content-Length: 5'], ['0\r\n\r\n']),
    status: 400,
    stored: 0,
  },
  {
    name: 'a negative size is refused',
    send: postBytes(['Content-Length: -1'], []),
    status: 400,
    stored: 0,
  },
  {
    name: 'headers of 20 kB are refused',
    send: postBytes([`X-Filler: ${'x'.repeat(20_000)}`, 'Content-Length: 2'], ['{}']),
    status: 431,
    stored: 0,
  },
];

// ── Expect ──

const EXPECT = 'Expect: 100-continue';
const noToken = { headers: { authorization: 'Bearer nobody' } };

const EXPECTATIONS: readonly Row[] = [
  {
    name: 'a good request that expects 100 is told to go on',
    send: postBytes([EXPECT, `Content-Length: ${GOOD.length}`], [GOOD]),
    status: 204,
    stored: 1,
    expect: ({ reply }) => assert.deepEqual(reply.interim, [100]),
  },
  {
    name: 'a large request that expects 100 is refused before its body',
    send: postBytes([EXPECT, 'Content-Length: 10000000'], []),
    status: 413,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(reply.interim, []),
  },
  {
    name: 'a request of a wrong encoding that expects 100 is refused before its body',
    send: postBytes([EXPECT, 'Content-Encoding: br', 'Content-Length: 100'], []),
    status: 415,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(reply.interim, []),
  },
  {
    name: 'a request that expects anything else is refused',
    send: postBytes(['Expect: tea', `Content-Length: ${GOOD.length}`], [GOOD]),
    status: 417,
    stored: 0,
  },
  {
    name: 'nobody is told to go on',
    send: ({ server }) =>
      server.agents.sendBytes([
        'POST /agent/telemetry HTTP/1.1\r\nHost: nexus\r\nAuthorization: Bearer nobody\r\n' +
          'Content-Type: application/json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n',
      ]),
    status: 401,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(reply.interim, []),
  },
];

// ── Which check comes first: identity, type, size, shape, clock ──

const ORDER: readonly Row[] = [
  {
    name: 'nobody with a wrong type is nobody',
    send: post(GOOD, nobody({ 'content-type': 'text/plain' })),
    status: 401,
    stored: 0,
  },
  { name: 'nobody with a broken body is nobody', send: post('{', noToken), status: 401, stored: 0 },
  { name: 'nobody with a tick that breaks a rule is nobody', send: post('{}', noToken), status: 401, stored: 0 },
  { name: 'nobody with 10 MB is nobody', send: post(paddedTo(10_000_000), noToken), status: 401, stored: 0 },
  {
    name: 'nobody with endless chunks is nobody',
    send: ({ server }) =>
      server.agents.sendBytes([
        'POST /agent/telemetry HTTP/1.1\r\nHost: nexus\r\nAuthorization: Bearer nobody\r\n' +
          'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
        MIB_CHUNK,
        MIB_CHUNK,
        MIB_CHUNK,
      ]),
    status: 401,
    stored: 0,
  },
  {
    name: 'a wrong type comes before a size beyond the limit',
    send: post(paddedTo(3_000_000), { headers: { 'content-type': 'text/plain' } }),
    status: 415,
    stored: 0,
  },
  {
    name: 'a wrong encoding comes before a size beyond the limit',
    send: post(paddedTo(3_000_000), { headers: { 'content-encoding': 'br' } }),
    status: 415,
    stored: 0,
  },
  {
    name: 'a size beyond the limit comes before a broken body',
    send: post(paddedTo(3_000_000, '{')),
    status: 413,
    stored: 0,
  },
  {
    name: 'a size beyond the limit comes before a broken rule',
    send: post(paddedTo(3_000_000, '{}')),
    status: 413,
    stored: 0,
  },
  {
    name: 'a broken rule comes before the clock',
    send: post({ recorded_at: '2020-01-01T00:00:00Z', host: { metrics: { cpu_percent: 101 } } }),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(errorPaths(reply), ['host.metrics.cpu_percent']),
  },
];

function nobody(headers: Record<string, string>): { headers: Record<string, string> } {
  return { headers: { ...noToken.headers, ...headers } };
}

// ── Other methods and paths ──

function request(method: string, path: string, status: number, allow?: string): Row {
  return {
    name: `${method} ${path} is answered ${status}`,
    send: ({ server, host }) =>
      server.agents.send({ method, path, headers: { authorization: `Bearer ${host.token.token}` } }),
    status,
    stored: 0,
    expect: ({ reply }) => assert.equal(reply.headers.allow, allow),
  };
}

const PATHS: readonly Row[] = [
  request('GET', '/agent/telemetry', 405, 'POST'),
  request('HEAD', '/agent/telemetry', 405, 'POST'),
  request('PUT', '/agent/telemetry', 405, 'POST'),
  request('DELETE', '/agent/telemetry/batch', 405, 'POST'),
  request('OPTIONS', '/agent/telemetry', 405, 'POST'),
  request('POST', '/agent/telemetry/', 404),
  request('POST', '/agent/telemetry/other', 404),
  request('POST', '/AGENT/TELEMETRY', 404),
  request('POST', '/agent/../agent/telemetry', 404),
  request('POST', '/%', 404),
  {
    name: 'a query string does not matter',
    send: post(GOOD, { path: '/agent/telemetry?x=1' }),
    status: 204,
    stored: 1,
  },
];

export const BODY_ROWS: readonly Row[] = [
  ...NOT_JSON.map(([name, body]) => ({ name: `${name} is not JSON`, send: post(body), status: 400, stored: 0 })),
  ...OTHER_SHAPES.map(([name, body]) => ({ name: `${name} is no tick`, send: post(body), status: 422, stored: 0 })),
  ...TRAPS,
  ...TYPES.map(([type, status]) => ({
    name: `Content-Type ${type ?? 'absent'} is ${status === 204 ? 'JSON' : 'not JSON'}`,
    send: post(GOOD, { headers: { 'content-type': type } }),
    status,
    stored: status === 204 ? 1 : 0,
  })),
  ...WRAPPED,
  ...SIZES,
  ...EXPECTATIONS,
  ...ORDER,
  ...PATHS,
];
