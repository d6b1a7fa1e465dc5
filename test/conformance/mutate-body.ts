/** Bodies that are nearly right, from a seed: the same seed makes the same bodies. */
import type { SeededRandom } from '../domain/seeded-random.ts';
import { containerBody, telemetryBody } from '../wire/telemetry-body.ts';

/** What a number, a string or a whole branch may be replaced by. */
const VALUES: readonly string[] = [
  'null',
  'true',
  '0',
  '-0',
  '-1',
  '0.5',
  '100.00000000000001',
  '1e999',
  '-1e999',
  '1e-400',
  '9007199254740993',
  '123456789012345678901234567890',
  '""',
  '"\\ud800"',
  '"\\u0000"',
  '"__proto__"',
  '"2026-03-01T12:00:00Z"',
  '"2026-02-30T12:00:00Z"',
  `"${'x'.repeat(300)}"`,
  '[]',
  '[[]]',
  '{}',
  '{"__proto__":null}',
  '{"constructor":{"prototype":null}}',
  '{"a":{"b":{"c":{}}}}',
];

/** What a slip of a pen may leave in the text. */
const SNIPPETS: readonly string[] = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  'e',
  '-',
  '\u0000',
  '\u2028',
  'é',
  '🛒',
  '\ufeff',
];

/** The positions of values in a JSON text: a string that is no key, a number, a word, a whole list or object. */
const VALUE = /(?<=[:[,])\s*("(?:[^"\\]|\\.)*"(?!\s*:)|-?\d[\d.eE+-]*|true|false|null|\[[^[\]]*\]|\{[^{}]*\})/g;

function replaceValue(text: string, random: SeededRandom): string {
  const values = [...text.matchAll(VALUE)];
  const chosen = values[random.below(values.length)];
  if (chosen === undefined) return text;
  const start = chosen.index;
  return text.slice(0, start) + random.pick(VALUES) + text.slice(start + chosen[0].length);
}

function slip(text: string, random: SeededRandom): string {
  const at = random.below(text.length);
  const length = 1 + random.below(20);
  switch (random.below(5)) {
    case 0:
      return text.slice(0, at) + text.slice(at + length);
    case 1:
      return text.slice(0, at) + text.slice(at, at + length) + text.slice(at);
    case 2:
      return text.slice(0, at);
    case 3:
      return text.slice(0, at) + random.pick(SNIPPETS) + text.slice(at);
    default:
      return text.slice(0, at) + String.fromCharCode(random.below(0x250)) + text.slice(at + 1);
  }
}

/** A body with one to three things changed, most of them still JSON; some damaged once more as bytes. */
export function mutateBody(index: number, random: SeededRandom): Buffer {
  const recordedAt = new Date(Date.UTC(2026, 2, 1, 11, 0) + (index % 3600) * 1000).toISOString();
  const containers = Array.from({ length: random.below(4) }, (_, number) =>
    containerBody({ container_id: `c${number}` }),
  );
  let text = JSON.stringify(telemetryBody({ recorded_at: recordedAt, containers }));
  for (let changes = 1 + random.below(3); changes > 0; changes -= 1) {
    text = random.below(4) === 0 ? slip(text, random) : replaceValue(text, random);
  }
  const bytes = Buffer.from(text);
  if (bytes.length > 0 && random.below(10) === 0) bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}
