/**
 * A request body, from the least costly refusal to the most: type, declared size, bytes as they arrive, bytes as they
 * unpack, UTF-8, JSON. Nothing is held beyond the limit.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { z } from 'zod';
import { parseJsonBytes } from '../wire/json-text.ts';
import { type Parsed, parseWith } from '../wire/problem.ts';
import { HTTP_LIMITS } from './http-limits.ts';
import { problem } from './problem.ts';
import type { Answer, Exchange } from './route.ts';

const gunzipAsync = promisify(gunzip);

/** Ends a request with an answer from anywhere below its handler. */
export class Refusal extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`refused with ${answer.status}`);
    this.answer = answer;
  }
}

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
  throw new Refusal(problem(415, 'only gzip is understood as Content-Encoding', {}, { 'accept-encoding': 'gzip' }));
}

function tooLarge(limitBytes: number): Refusal {
  return new Refusal(problem(413, `the body is larger than the ${limitBytes} bytes that this route takes`));
}

let bodiesInFlightBytes = 0;

function receive(request: IncomingMessage, response: ServerResponse, limitBytes: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limitBytes) throw tooLarge(limitBytes);
  if (bodiesInFlightBytes + declared > HTTP_LIMITS.bodiesInFlightBytes) {
    throw new Refusal(
      problem(503, 'too many bodies are being received: try again shortly', {}, { 'retry-after': '1' }),
    );
  }
  if (request.headers.expect !== undefined) response.writeContinue();
  return collect(request, limitBytes);
}

/** The bytes up to the end of the body. Beyond the limit it stops reading: what still comes is drained after the answer. */
function collect(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      bodiesInFlightBytes += chunk.length;
      chunks.push(chunk);
      if (length > limitBytes) fail(tooLarge(limitBytes));
    };
    const letGo = (): void => {
      bodiesInFlightBytes -= length;
      request.off('data', take).off('end', finish).off('error', fail).off('close', vanish);
    };
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
  try {
    return await gunzipAsync(packed, { maxOutputLength: limitBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limitBytes);
    throw new Refusal(problem(400, 'the body is not valid gzip'));
  }
}

/** Throws {@link Refusal} with 400. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return parseJsonBytes(bytes);
  } catch {
    throw new Refusal(problem(400, 'the body is not JSON'));
  }
}

/** The bytes of a JSON body, unpacked. Throws {@link Refusal} with 400, 413, 415 or 503. */
export async function readBytes(exchange: Exchange, limitBytes: number): Promise<Buffer> {
  const { request, response } = exchange;
  requireJsonType(request);
  const packed = isGzip(request);
  const received = await receive(request, response, limitBytes);
  return packed ? await unpack(received, limitBytes) : received;
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
  throw new Refusal(problem(422, 'the request breaks a rule; see errors', { errors: parsed.errors }));
}

/** A 422 about one field. */
export function invalidField(path: string, message: string): never {
  return requireValid({ ok: false, errors: [{ path, message }] });
}
