/**
 * Reads a telemetry body byte by byte, in one pass, into the form in which its numbers are stored, without making
 * anything of what does not change: strings are looked at and not copied, and nothing is allocated for a container.
 *
 * It accepts only bodies that `telemetrySchema` accepts, and says the same of them; whatever is in doubt is left to the
 * schema, which decides and explains. What it accepts is JSON within the limits of `wire/json-text`.
 */
import { isUtf8 } from 'node:buffer';
import { parseInstant } from '../domain/instant.ts';
import {
  type AgentReport,
  CONTAINER_METRICS,
  HOST_METRICS,
  type HostFacts,
  NO_FACTS,
  type PackedContainers,
  type PackedTick,
  TELEMETRY_LIMITS,
} from '../domain/telemetry.ts';
import { ByteWriter } from '../telemetry/bytes.ts';
import { MAX_BLOCK_BYTES, writeBlock, writeMeasuredBlock } from '../telemetry/sample-codec.ts';
import { JSON_LIMITS } from '../wire/json-text.ts';
import { readPlainAgent, readPlainFacts } from '../wire/plain-telemetry.ts';

/** Instead of the position after what was read. No byte is there, so that whoever reads on is in doubt as well. */
const IN_DOUBT = -1;

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const COLON = 0x3a;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const LOWER_E = 0x65;
const LOWER_U = 0x75;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** The bit that tells `E` from `e`. */
const LOWER_CASE = 0x20;

/** Decimal numbers of up to so many digits are a whole number divided by a power of ten, and exact in that division. */
const EXACT_DIGITS = 15;
const POWERS_OF_TEN = Array.from({ length: EXACT_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

const ascii = new TextEncoder();
const NULL = ascii.encode('null');
const LITERALS = [NULL, ascii.encode('true'), ascii.encode('false')];
const ESCAPED = new Set(ascii.encode('"\\/bfnrt'));

/** The text of fields as agents write them, with the colon. */
function keysOf(names: readonly string[]): readonly Uint8Array[] {
  return names.map((name) => ascii.encode(`"${name}":`));
}

const BODY = keysOf(['recorded_at', 'host', 'agent', 'containers']);
const HOST = keysOf(['metrics', 'facts']);
const HOST_NUMBERS = keysOf(HOST_METRICS);
const CONTAINER = keysOf([
  'container_id',
  'name',
  'image',
  'image_tag',
  'status',
  'state',
  'health_status',
  'started_at',
  'finished_at',
  'ports',
  'labels',
  'metrics',
]);
const CONTAINER_NUMBERS = keysOf(CONTAINER_METRICS);
/** The first two fields of a body, the first one of a host, the first three of a container. */
const REQUIRED = { body: 0b11, host: 0b1, container: 0b111 } as const;

/** What the schema allows a number to be; all are 0 at least. */
interface NumberRule {
  readonly isWhole: boolean;
  readonly max: number;
}

const GAUGES: ReadonlySet<string> = new Set(['cpu_percent', 'load_average']);

function rulesOf(names: readonly string[], maxCpuPercent: number): readonly NumberRule[] {
  return names.map((name) => {
    if (name === 'cpu_percent') return { isWhole: false, max: maxCpuPercent };
    const isWhole = !GAUGES.has(name);
    return { isWhole, max: isWhole ? Number.MAX_SAFE_INTEGER : Number.MAX_VALUE };
  });
}

const HOST_RULES = rulesOf(HOST_METRICS, 100);
const CONTAINER_RULES = rulesOf(CONTAINER_METRICS, Number.MAX_VALUE);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= DIGIT_0 && byte <= DIGIT_9;
}

function isHexDigit(byte: number | undefined): boolean {
  if (isDigit(byte)) return true;
  const lower = (byte ?? 0) | LOWER_CASE;
  return lower >= 0x61 && lower <= 0x66;
}

function startsWith(bytes: Uint8Array, at: number, expected: Uint8Array, length: number = expected.length): boolean {
  for (let index = 0; index < length; index += 1) if (bytes[at + index] !== expected[index]) return false;
  return true;
}

function afterSpace(bytes: Uint8Array, at: number): number {
  // Agents send none.
  if ((bytes[at] ?? 0) > SPACE) return at;
  let next = at;
  for (;;) {
    const byte = bytes[next];
    if (byte !== SPACE && byte !== LINE_FEED && byte !== CARRIAGE_RETURN && byte !== TAB) return next;
    next += 1;
  }
}

/** `at` is behind the backslash. */
function afterEscape(bytes: Uint8Array, at: number): number {
  const byte = bytes[at] ?? 0;
  if (ESCAPED.has(byte)) return at + 1;
  if (byte !== LOWER_U) return IN_DOUBT;
  for (let digit = at + 1; digit <= at + 4; digit += 1) if (!isHexDigit(bytes[digit])) return IN_DOUBT;
  return at + 5;
}

/** One step of a hash. A multiplication carries differences upwards only, the shift brings them down again. */
function mix(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e3779b1);
  return product ^ (product >>> 15);
}

/** Whether one of the four bytes of a word may be a quote, a backslash or a control character. */
function mayEndText(word: number): boolean {
  const quote = word ^ 0x22222222;
  const backslash = word ^ 0x5c5c5c5c;
  // A byte of zeros borrows from its highest bit; a byte beside it may be flagged as well.
  const flags =
    ((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash) | ((word - 0x20202020) & ~word);
  return (flags & 0x80808080) !== 0;
}

/** The first byte from `at` on that is a quote, a backslash or a control character, or the end of the bytes. */
function endOfText(bytes: DataView, at: number): number {
  let next = at;
  const lastWordAt = bytes.byteLength - 4;
  while (next <= lastWordAt && !mayEndText(bytes.getInt32(next))) next += 4;
  for (; next < bytes.byteLength; next += 1) {
    const byte = bytes.getUint8(next);
    if (byte === QUOTE || byte === BACKSLASH || byte < SPACE) return next;
  }
  return next;
}

function afterDigits(bytes: Uint8Array, at: number): number {
  let next = at;
  while (isDigit(bytes[next])) next += 1;
  return next === at ? IN_DOUBT : next;
}

/** Any number of JSON. */
function afterNumber(bytes: Uint8Array, at: number): number {
  const first = bytes[at] === MINUS ? at + 1 : at;
  let next = bytes[first] === DIGIT_0 ? first + 1 : afterDigits(bytes, first);
  if (bytes[next] === POINT) next = afterDigits(bytes, next + 1);
  if (((bytes[next] ?? 0) | LOWER_CASE) !== LOWER_E) return next;
  const sign = bytes[next + 1];
  return afterDigits(bytes, sign === PLUS || sign === MINUS ? next + 2 : next + 1);
}

/** Two digits up to `max`. */
function isPair(bytes: Uint8Array, at: number, min: number, max: number): boolean {
  if (!isDigit(bytes[at]) || !isDigit(bytes[at + 1])) return false;
  const value = 10 * ((bytes[at] ?? 0) - DIGIT_0) + (bytes[at + 1] ?? 0) - DIGIT_0;
  return value >= min && value <= max;
}

/** Whether it is an instant of the form that engines write, on a day that every month has. */
function isUsualInstant(bytes: Uint8Array, at: number, end: number): boolean {
  const isDay =
    isDigit(bytes[at]) &&
    isDigit(bytes[at + 1]) &&
    isPair(bytes, at + 2, 0, 99) &&
    bytes[at + 4] === MINUS &&
    isPair(bytes, at + 5, 1, 12) &&
    bytes[at + 7] === MINUS &&
    isPair(bytes, at + 8, 1, 28);
  const isTime =
    bytes[at + 10] === LETTER_T &&
    isPair(bytes, at + 11, 0, 23) &&
    bytes[at + 13] === COLON &&
    isPair(bytes, at + 14, 0, 59) &&
    bytes[at + 16] === COLON &&
    isPair(bytes, at + 17, 0, 59);
  if (!isDay || !isTime || bytes[end - 1] !== LETTER_Z) return false;
  if (at + 20 === end) return true;
  return bytes[at + 19] === POINT && end - at <= 30 && afterDigits(bytes, at + 20) === end - 1;
}

/** The field of `keys` whose name stands at `at`, whatever comes after it; -1 when it is none of them. */
function fieldAt(keys: readonly Uint8Array[], bytes: Uint8Array, at: number): number {
  return keys.findIndex((key) => startsWith(bytes, at, key, key.length - 1));
}

/** Gets the text of the containers without their numbers. */
type FingerprintOf = (identities: Uint8Array) => string;

/** What is needed to read a body and may be used again for the next one. */
interface Scratch {
  identities: Uint8Array;
  readonly blocks: ByteWriter;
}

class TickScanner {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #fingerprintOf: FingerprintOf;
  /** `{ } [ ] , :` outside of strings, as `wire/json-text` counts them. */
  #parts = 0;
  /** Which fields the object had that was read last. */
  #seen = 0;
  #number = 0;
  #recordedAtMs = Number.NaN;
  #facts: HostFacts = NO_FACTS;
  #agent: AgentReport | null = null;
  readonly #values = new Float64Array(Math.max(HOST_METRICS.length, CONTAINER_METRICS.length));
  /** Which of the values there are, bit i for the i-th. */
  #measured = 0;
  readonly #hostWriter = new ByteWriter(MAX_BLOCK_BYTES);
  #containers: PackedContainers | null = null;
  #containerCount = 0;
  readonly #idHashes = new Set<number>();
  readonly #blocks: ByteWriter;
  /** What the containers are, without their numbers and what is not known of them: see {@link TickScanner.#leaveOut}. */
  readonly #identities: Uint8Array;
  #identityLength = 0;
  #identityFrom = 0;
  #isListing = false;

  constructor(bytes: Uint8Array, scratch: Scratch, fingerprintOf: FingerprintOf) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#identities = scratch.identities;
    this.#blocks = scratch.blocks;
    this.#fingerprintOf = fingerprintOf;
  }

  scan(): PackedTick | null {
    const bytes = this.#bytes;
    const end = this.#body(afterSpace(bytes, 0));
    if (end === IN_DOUBT || afterSpace(bytes, end) !== bytes.length) return null;
    if (this.#parts > JSON_LIMITS.partsOfBody) return null;
    const host = this.#hostWriter.finish();
    return {
      recordedAtMs: this.#recordedAtMs,
      facts: this.#facts,
      agent: this.#agent,
      host,
      containers: this.#containers,
    };
  }

  /**
   * Reads an object whose fields are known by `keys`, each by `read`, and anything in others. `depth`: of the object, 1
   * for the body.
   */
  #object(
    at: number,
    keys: readonly Uint8Array[],
    depth: number,
    read: (this: TickScanner, field: number, at: number) => number,
  ): number {
    const bytes = this.#bytes;
    let seen = 0;
    let expected = 0;
    if (bytes[at] !== OPEN_OBJECT) return IN_DOUBT;
    let next = afterSpace(bytes, at + 1);
    this.#parts += 1;
    if (bytes[next] === CLOSE_OBJECT) {
      this.#seen = 0;
      this.#parts += 1;
      return next + 1;
    }
    for (;;) {
      const keyAt = next;
      const likely = keys[expected];
      let field = expected;
      let valueAt: number;
      if (likely !== undefined && startsWith(bytes, keyAt, likely)) valueAt = afterSpace(bytes, keyAt + likely.length);
      else {
        field = fieldAt(keys, bytes, keyAt);
        valueAt = this.#afterKey(keyAt);
      }
      if (field === -1) {
        next = this.#anything(valueAt, depth);
        this.#leaveOut(keyAt, next);
      } else {
        // What counts of a field that is there twice is the parser's business.
        if ((seen & (1 << field)) !== 0) return IN_DOUBT;
        seen |= 1 << field;
        expected = field + 1;
        next = read.call(this, field, valueAt);
      }
      if (next === IN_DOUBT) return IN_DOUBT;
      this.#parts += 2;
      next = afterSpace(bytes, next);
      if (bytes[next] === CLOSE_OBJECT) {
        this.#seen = seen;
        return next + 1;
      }
      if (bytes[next] !== COMMA) return IN_DOUBT;
      next = afterSpace(bytes, next + 1);
    }
  }

  /** From the quote of a name to the value of the field. */
  #afterKey(at: number): number {
    const bytes = this.#bytes;
    const colonAt = afterSpace(bytes, bytes[at] === QUOTE ? this.#afterPlainString(at + 1) : IN_DOUBT);
    return bytes[colonAt] === COLON ? afterSpace(bytes, colonAt + 1) : IN_DOUBT;
  }

  /** Reads a list, each entry by `read`. */
  #list(at: number, depth: number, read: (this: TickScanner, at: number, depth: number) => number): number {
    const bytes = this.#bytes;
    if (bytes[at] !== OPEN_LIST) return IN_DOUBT;
    let next = afterSpace(bytes, at + 1);
    this.#parts += 2;
    if (bytes[next] === CLOSE_LIST) return next + 1;
    for (;;) {
      next = read.call(this, next, depth);
      if (next === IN_DOUBT) return IN_DOUBT;
      next = afterSpace(bytes, next);
      if (bytes[next] === CLOSE_LIST) return next + 1;
      if (bytes[next] !== COMMA) return IN_DOUBT;
      this.#parts += 1;
      next = afterSpace(bytes, next + 1);
    }
  }

  /** Reads any value of JSON within an object or a list of this depth, and keeps nothing of it. */
  #anything(at: number, depth: number): number {
    const bytes = this.#bytes;
    const byte = bytes[at];
    if (byte === QUOTE) return this.#afterString(at + 1);
    if (byte === MINUS || isDigit(byte)) return afterNumber(bytes, at);
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      if (depth === JSON_LIMITS.depth) return IN_DOUBT;
      return byte === OPEN_LIST ? this.#list(at, depth + 1, this.#anything) : this.#map(at, depth + 1, this.#anything);
    }
    const literal = LITERALS.find((one) => startsWith(bytes, at, one));
    return literal === undefined ? IN_DOUBT : at + literal.length;
  }

  /** Reads an object whatever its fields are called, each value by `read`. */
  #map(at: number, depth: number, read: (this: TickScanner, at: number, depth: number) => number): number {
    const bytes = this.#bytes;
    if (bytes[at] !== OPEN_OBJECT) return IN_DOUBT;
    let next = afterSpace(bytes, at + 1);
    this.#parts += 2;
    if (bytes[next] === CLOSE_OBJECT) return next + 1;
    for (;;) {
      if (bytes[next] !== QUOTE) return IN_DOUBT;
      const colonAt = afterSpace(bytes, this.#afterString(next + 1));
      if (bytes[colonAt] !== COLON) return IN_DOUBT;
      next = read.call(this, afterSpace(bytes, colonAt + 1), depth);
      if (next === IN_DOUBT) return IN_DOUBT;
      next = afterSpace(bytes, next);
      this.#parts += 2;
      if (bytes[next] === CLOSE_OBJECT) return next + 1;
      if (bytes[next] !== COMMA) return IN_DOUBT;
      next = afterSpace(bytes, next + 1);
    }
  }

  /** `at` is behind the opening quote. */
  #afterString(at: number): number {
    const bytes = this.#bytes;
    for (let next = endOfText(this.#view, at); ; next = endOfText(this.#view, next)) {
      if (bytes[next] === QUOTE) return next + 1;
      if (bytes[next] !== BACKSLASH) return IN_DOUBT;
      next = afterEscape(bytes, next + 1);
      if (next === IN_DOUBT) return IN_DOUBT;
    }
  }

  /** As {@link TickScanner.#afterString}, for a string that stands for itself: in doubt where it has an escape. */
  #afterPlainString(at: number): number {
    const end = endOfText(this.#view, at);
    return this.#bytes[end] === QUOTE ? end + 1 : IN_DOUBT;
  }

  #isNull(at: number): boolean {
    return this.#bytes[at] === NULL[0] && startsWith(this.#bytes, at, NULL);
  }

  #body(at: number): number {
    const end = this.#object(at, BODY, 1, this.#bodyField);
    return (this.#seen & REQUIRED.body) === REQUIRED.body ? end : IN_DOUBT;
  }

  #bodyField(field: number, at: number): number {
    if (field === 0) return this.#recordedAt(at);
    if (field === 1) return this.#host(at);
    if (this.#isNull(at)) return at + NULL.length;
    return field === 2 ? this.#agentReport(at) : this.#listOfContainers(at);
  }

  #recordedAt(at: number): number {
    const end = this.#bytes[at] === QUOTE ? this.#afterPlainString(at + 1) : IN_DOUBT;
    if (end === IN_DOUBT) return IN_DOUBT;
    const recordedAtMs = parseInstant(this.#text(at + 1, end - 1));
    if (recordedAtMs === undefined) return IN_DOUBT;
    this.#recordedAtMs = recordedAtMs;
    return end;
  }

  #text(from: number, to: number): string {
    return utf8.decode(this.#bytes.subarray(from, to));
  }

  #host(at: number): number {
    const end = this.#object(at, HOST, 2, this.#hostField);
    return (this.#seen & REQUIRED.host) === REQUIRED.host ? end : IN_DOUBT;
  }

  #hostField(field: number, at: number): number {
    if (field === 1) return this.#isNull(at) ? at + NULL.length : this.#hostFacts(at);
    this.#measured = 0;
    const end = this.#object(at, HOST_NUMBERS, 3, this.#hostNumber);
    if (end !== IN_DOUBT) writeBlock(this.#hostWriter, this.#values, this.#measured);
    return end;
  }

  #hostNumber(field: number, at: number): number {
    return this.#metric(field, at, HOST_RULES[field]);
  }

  #hostFacts(at: number): number {
    const end = this.#anything(at, 2);
    const facts = end === IN_DOUBT ? undefined : readPlainFacts(JSON.parse(this.#text(at, end)));
    if (facts === undefined) return IN_DOUBT;
    this.#facts = facts;
    return end;
  }

  #agentReport(at: number): number {
    const end = this.#anything(at, 1);
    const agent = end === IN_DOUBT ? undefined : readPlainAgent(JSON.parse(this.#text(at, end)));
    if (agent === undefined) return IN_DOUBT;
    this.#agent = agent;
    return end;
  }

  #metric(field: number, at: number, rule: NumberRule | undefined): number {
    if (this.#isNull(at)) return at + NULL.length;
    const end = this.#plainNumber(at);
    const value = this.#number;
    if (end === IN_DOUBT || rule === undefined || value > rule.max) return IN_DOUBT;
    if (rule.isWhole && !Number.isInteger(value)) return IN_DOUBT;
    this.#values[field] = value;
    this.#measured |= 1 << field;
    return end;
  }

  /** A number that is not negative and has no exponent. */
  #plainNumber(at: number): number {
    const bytes = this.#bytes;
    let next = at;
    let digits = 0;
    for (; isDigit(bytes[next]); next += 1) digits = digits * 10 + (bytes[next] ?? 0) - DIGIT_0;
    if (next === at || (bytes[at] === DIGIT_0 && next !== at + 1)) return IN_DOUBT;
    let decimals = 0;
    if (bytes[next] === POINT) {
      const pointAt = next;
      for (next += 1; isDigit(bytes[next]); next += 1) digits = digits * 10 + (bytes[next] ?? 0) - DIGIT_0;
      decimals = next - pointAt - 1;
      if (decimals === 0) return IN_DOUBT;
    }
    if (((bytes[next] ?? 0) | LOWER_CASE) === LOWER_E) return IN_DOUBT;
    // One more than there are digits where there is a point.
    const isExact = next - at <= EXACT_DIGITS;
    this.#number = isExact ? digits / (POWERS_OF_TEN[decimals] ?? 1) : Number(this.#text(at, next));
    return next;
  }

  #listOfContainers(at: number): number {
    this.#blocks.clear();
    this.#identityFrom = at;
    this.#isListing = true;
    const end = this.#list(at, 2, this.#container);
    this.#leaveOut(end, end);
    this.#isListing = false;
    if (end === IN_DOUBT) return IN_DOUBT;
    const fingerprint = this.#fingerprintOf(this.#identities.subarray(0, this.#identityLength));
    this.#containers = { fingerprint, count: this.#containerCount, blocks: this.#blocks.finish() };
    return end;
  }

  #container(at: number): number {
    if (this.#containerCount === TELEMETRY_LIMITS.maxContainers) return IN_DOUBT;
    this.#containerCount += 1;
    this.#measured = 0;
    const end = this.#object(at, CONTAINER, 3, this.#containerField);
    if ((this.#seen & REQUIRED.container) !== REQUIRED.container) return IN_DOUBT;
    if (end !== IN_DOUBT) writeMeasuredBlock(this.#blocks, this.#values, this.#measured);
    return end;
  }

  #containerField(field: number, at: number): number {
    switch (field) {
      case 0:
        return this.#containerId(at);
      case 1:
        return this.#requiredText(at, TELEMETRY_LIMITS.maxContainerName);
      case 2:
        return this.#requiredText(at, TELEMETRY_LIMITS.maxImage);
      default:
        return this.#isNull(at) ? at + NULL.length : this.#containerDetail(field, at);
    }
  }

  #containerDetail(field: number, at: number): number {
    switch (field) {
      case 3:
        return this.#shortText(at, TELEMETRY_LIMITS.maxImageTag);
      case 4:
        return this.#shortText(at, TELEMETRY_LIMITS.maxStatus);
      case 5:
        return this.#shortText(at, TELEMETRY_LIMITS.maxState);
      case 6:
        return this.#shortText(at, TELEMETRY_LIMITS.maxHealthStatus);
      case 7:
      case 8:
        return this.#instant(at);
      case 9:
        return this.#list(at, 4, this.#anyText);
      case 10:
        return this.#map(at, 4, this.#anyText);
      default:
        return this.#containerNumbers(at);
    }
  }

  /** In doubt for an id whose hash another one of this body has: only the schema's reader knows which of two counts. */
  #containerId(at: number): number {
    const bytes = this.#bytes;
    const end = bytes[at] === QUOTE ? this.#afterPlainString(at + 1) : IN_DOUBT;
    const length = end - at - 2;
    if (length < 1 || length > TELEMETRY_LIMITS.maxContainerId) return IN_DOUBT;
    const view = this.#view;
    let hash = length;
    let index = at + 1;
    for (; index < end - 4; index += 4) hash = mix(hash, view.getInt32(index));
    for (; index < end - 1; index += 1) hash = mix(hash, bytes[index] ?? 0);
    // A small integer of the engine, which needs no memory of its own.
    hash >>= 2;
    if (this.#idHashes.has(hash)) return IN_DOUBT;
    this.#idHashes.add(hash);
    return end;
  }

  /** The bytes of a string are never fewer than the characters that the schema counts. */
  #shortText(at: number, max: number): number {
    const end = this.#anyText(at);
    return end - at - 2 <= max ? end : IN_DOUBT;
  }

  #requiredText(at: number, max: number): number {
    const end = this.#shortText(at, max);
    return end - at - 2 >= 1 ? end : IN_DOUBT;
  }

  #anyText(at: number): number {
    return this.#bytes[at] === QUOTE ? this.#afterString(at + 1) : IN_DOUBT;
  }

  #instant(at: number): number {
    const bytes = this.#bytes;
    const end = bytes[at] === QUOTE ? this.#afterPlainString(at + 1) : IN_DOUBT;
    if (end === IN_DOUBT || isUsualInstant(bytes, at + 1, end - 1)) return end;
    return parseInstant(this.#text(at + 1, end - 1)) === undefined ? IN_DOUBT : end;
  }

  #containerNumbers(at: number): number {
    // They stand within the container, whose fields are counted when it ends.
    const end = this.#object(at, CONTAINER_NUMBERS, 4, this.#containerNumber);
    this.#leaveOut(at, end);
    return end;
  }

  #containerNumber(field: number, at: number): number {
    return this.#metric(field, at, CONTAINER_RULES[field]);
  }

  /** Goes on after a piece of the list of containers that says nothing of what they are. */
  #leaveOut(from: number, to: number): void {
    if (!this.#isListing || to === IN_DOUBT) return;
    const kept = this.#bytes.subarray(this.#identityFrom, from);
    this.#identities.set(kept, this.#identityLength);
    this.#identityLength += kept.length;
    this.#identityFrom = to;
  }
}

/** As long as the longest body so far: what is kept of a body is never longer than the body. */
const scratch: Scratch = { identities: new Uint8Array(64 * 1024), blocks: new ByteWriter(4096) };

/** The tick of a body that is plainly valid; null where only the schema can decide. */
export function scanTick(bytes: Uint8Array, fingerprintOf: FingerprintOf): PackedTick | null {
  if (!isUtf8(bytes)) return null;
  if (scratch.identities.length < bytes.length) scratch.identities = new Uint8Array(bytes.length);
  return new TickScanner(bytes, scratch, fingerprintOf).scan();
}
