/**
 * A request body, from the least costly refusal to the most: type, declared size, bytes as they arrive, bytes as they
 * unpack, UTF-8, JSON. Nothing is held beyond the limit.
 */
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type * as z from 'zod';
import { assertNever, NexusError } from '../domain/errors.ts';
import { canonicalText } from '../trust/canonical-json.ts';
import { JSON_LIMITS, JsonRefused, parseJsonBytes } from '../wire/json-text.ts';
import { type Parsed, parseWith } from '../wire/problem.ts';
import type { BodyKind } from './body-budget.ts';
import { HTTP_LIMITS } from './http-limits.ts';
import { problem } from './problem.ts';
import { Refusal } from './refusal.ts';
import type { Exchange } from './route.ts';

const gunzipAsync = promisify(gunzip);

const JSON_TYPE = /^application\/(?:json|[a-z0-9.+-]+\+json)$/i;

function requireJsonType(request: IncomingMessage): void {
  if (request.headers['content-type'] === 'application/json') return;
  const [type = '', ...parameters] = (request.headers['content-type'] ?? '').split(';').map((part) => part.trim());
  if (!JSON_TYPE.test(type)) {
    throw new Refusal(problem(415, 'the body must be JSON: send Content-Type: application/json'));
  }
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=');
    const charset = value.trim().replace(/^"(.*)"$/, '$1');
    if (name.trim().toLowerCase() === 'charset' && !/^utf-?8$/i.test(charset)) {
      throw new Refusal(problem(415, 'JSON is sent as UTF-8: send charset=utf-8, or none'));
    }
  }
}

function isGzip(request: IncomingMessage): boolean {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return false;
  if (encoding === 'gzip' || encoding === 'x-gzip') return true;
  throw new Refusal(problem(415, 'Content-Encoding must be gzip or left out', {}, { 'accept-encoding': 'gzip' }));
}

function tooLarge(limitBytes: number): Refusal {
  return new Refusal(problem(413, `the body is larger than the ${limitBytes} bytes that this route takes`));
}

/** A body that unpacks to more than this is refused when it is more than so many times its packed size: no tick is. */
const UNPACKED = { freeBytes: 256 * 1024, maxRatio: 50 } as const;

function declaredBytes({ headers }: IncomingMessage): number | undefined {
  const declared = headers['content-length'];
  return declared === undefined ? undefined : Number(declared);
}

/** The bytes up to the end of the body. Beyond the limit it stops reading: what still comes is drained after the answer. */
function collect(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      chunks.push(chunk);
      if (length > limitBytes) fail(tooLarge(limitBytes));
    };
    const letGo = (): void => void request.off('data', take).off('end', finish).off('error', fail).off('close', vanish);
    const finish = (): void => {
      letGo();
      const [first] = chunks;
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, length));
    };
    const fail = (error: Error): void => {
      letGo();
      request.pause();
      reject(error);
    };
    const vanish = (): void => fail(new Error('the connection closed within the body'));
    request.on('data', take).on('end', finish).on('error', fail).on('close', vanish);
  });
}

async function unpack(packed: Buffer, limitBytes: number): Promise<Buffer> {
  const plausibleBytes = Math.max(UNPACKED.freeBytes, packed.length * UNPACKED.maxRatio);
  try {
    return await gunzipAsync(packed, { maxOutputLength: Math.min(limitBytes, plausibleBytes) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') {
      throw new Refusal(problem(400, 'the body is not valid gzip'));
    }
    if (plausibleBytes >= limitBytes) throw tooLarge(limitBytes);
    throw new Refusal(
      problem(413, `the body unpacks to more than ${UNPACKED.maxRatio} times its size, which no report does`),
    );
  }
}

function refuseJson({ fault }: JsonRefused, maxParts: number): Refusal {
  switch (fault) {
    case 'syntax':
      return new Refusal(problem(400, 'the body is not JSON'));
    case 'depth':
      return new Refusal(problem(400, `the body nests deeper than ${JSON_LIMITS.depth} lists and objects`));
    case 'parts':
      return new Refusal(problem(413, `the body has more than the ${maxParts} parts that this route takes`));
    default:
      return assertNever(fault);
  }
}

/** Throws {@link Refusal} with 400 or 413. */
export function parseJson(bytes: Uint8Array, maxParts: number = JSON_LIMITS.partsOfBody): unknown {
  try {
    return parseJsonBytes(bytes, maxParts);
  } catch (error) {
    if (error instanceof JsonRefused) throw refuseJson(error, maxParts);
    throw error;
  }
}

/**
 * The bytes of a JSON body, unpacked. Its memory is reserved until the request is answered. Throws {@link Refusal} with
 * 400, 413, 415 or 503.
 */
export async function readBytes(exchange: Exchange, limitBytes: number, kind: BodyKind = 'other'): Promise<Buffer> {
  const { request, response, bodies, client } = exchange;
  requireJsonType(request);
  const isPacked = isGzip(request);
  const declared = declaredBytes(request);
  if (declared !== undefined && declared > limitBytes) throw tooLarge(limitBytes);
  const room = bodies.reserve(client, kind, declared ?? limitBytes);
  response.once('close', room.release);
  if (request.headers.expect !== undefined) response.writeContinue();
  const received = await collect(request, limitBytes);
  const bytes = isPacked ? await unpack(received, limitBytes) : received;
  room.resize(bytes.length);
  return bytes;
}

/** The parsed body, of any shape. Throws {@link Refusal} with 400, 413, 415 or 503. */
export async function readJson(exchange: Exchange, limitBytes: number): Promise<unknown> {
  return parseJson(await readBytes(exchange, limitBytes));
}

/** The body as `schema` reads it. Throws {@link Refusal}, with 422 for a broken rule. */
export async function readBody<S extends z.ZodType>(exchange: Exchange, schema: S): Promise<z.output<S>> {
  return requireValid(parseWith(schema, await readJson(exchange, HTTP_LIMITS.operatorBodyBytes)));
}

/** As {@link readBody}; a request without any body is read as an empty object. */
export async function readOptionalBody<S extends z.ZodType>(exchange: Exchange, schema: S): Promise<z.output<S>> {
  const { headers } = exchange.request;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return hasBody ? readBody(exchange, schema) : requireValid(parseWith(schema, {}));
}

/** The query string as `schema` reads it. Throws {@link Refusal} with 422. */
export function readQuery<S extends z.ZodType>(exchange: Exchange, schema: S): z.output<S> {
  return requireValid(parseWith(schema, Object.fromEntries(new URLSearchParams(exchange.query))));
}

/** The value, or a {@link Refusal} with 422. */
export function requireValid<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal(problem(422, 'the request is not valid', { errors: parsed.errors }));
}

/** RFC 8785: the same text for the same JSON value. A 422 about the field when it has none. */
export function canonicalField(path: string, value: unknown): string {
  try {
    return canonicalText(value);
  } catch (error) {
    if (error instanceof NexusError && error.code === 'invalid') return invalidField(path, error.message);
    throw error;
  }
}

/** A 422 about one field. */
export function invalidField(path: string, message: string): never {
  return requireValid({ ok: false, errors: [{ path, message }] });
}
