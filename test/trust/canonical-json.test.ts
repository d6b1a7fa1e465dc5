import assert from 'node:assert/strict';
import { test } from 'node:test';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { NexusError } from '../../src/domain/errors.ts';
import { canonicalField } from '../../src/http/read-body.ts';
import { Refusal } from '../../src/http/refusal.ts';
import { canonicalText } from '../../src/trust/canonical-json.ts';

test('flat or not, the text is that of RFC 8785', () => {
  const values = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.boolean(), fc.constant(null))),
  );
  fc.assert(
    fc.property(values, (value) => {
      const sent: unknown = JSON.parse(JSON.stringify(value));
      assert.equal(canonicalText(sent), canonicalize(sent));
    }),
    { numRuns: 2000 },
  );
});

test('the order of keys makes no difference, numbers as keys included', () => {
  const one = JSON.parse('{"b":1,"a":"ü","10":null,"9":true,"__proto__":2}');
  const other = JSON.parse('{"__proto__":2,"9":true,"10":null,"a":"ü","b":1}');
  assert.equal(canonicalText(one), '{"10":null,"9":true,"__proto__":2,"a":"ü","b":1}');
  assert.equal(canonicalText(one), canonicalText(other));
});

for (const text of ['{"a":"\\ud800"}', '{"\\udc00":1}', '{"a":{"b":["\\ud800x"]}}']) {
  test(`half of a surrogate pair is refused: ${text}`, () => {
    assert.throws(
      () => canonicalField('event', JSON.parse(text)),
      (error) => error instanceof Refusal && error.answer.status === 422 && String(error.answer.body).includes('event'),
    );
    assert.throws(
      () => canonicalText(JSON.parse(text)),
      (error) => error instanceof NexusError && error.code === 'invalid',
    );
  });
}
