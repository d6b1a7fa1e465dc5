import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notesOnRelease } from '../../src/http/release-notes.ts';
import { type Manifest, manifestSchema } from '../../src/wire/release.ts';

function manifest(compose: string, more: Readonly<Record<string, unknown>> = {}): Manifest {
  return manifestSchema.parse({ kind: 'nexus.release/1', stack: 'shop', version: '1', compose, ...more });
}

const PINNED = 'services: {web: {image: "shop/web@sha256:d"}}';

for (const [what, release, tagged] of [
  ['a tag', manifest('services: {web: {image: "shop/web:2"}}'), /^The image 'shop\/web:2' is named by a tag,/],
  [
    'no tag, which means latest',
    manifest('services: {web: {image: shop/web}}'),
    /^The image 'shop\/web' is named by a tag,/,
  ],
  ['a digest', manifest(PINNED), null],
  ['a variable', manifest('services: {web: {image: "$IMAGE"}}'), null],
  ['no image', manifest('services: {web: {build: .}}'), null],
  [
    'two tags, one of them twice',
    manifest('services: {a: {image: "a:1"}, b: {image: "b:1"}, c: {image: "a:1"}}'),
    /^The images 'a:1', 'b:1' are named by a tag,/,
  ],
  [
    'a tag in a file that is merged over it',
    manifest(PINNED, { files: { 'over.yaml': 'services: {db: {image: "db:1"}}' }, overrides: ['over.yaml'] }),
    /^The image 'db:1' is named by a tag,/,
  ],
] as const) {
  test(`an image by ${what}: ${tagged === null ? 'nothing to note' : 'noted'}`, () => {
    const notes = notesOnRelease(release, []);
    if (tagged === null) assert.deepEqual(notes, []);
    else assert.match(notes.join('\n'), tagged);
  });
}

for (const [what, before, after, isNoted] of [
  ['the same', '{driver: local}', '{driver: local}', false],
  [
    'with the same options in another order',
    '{driver_opts: {a: "1", b: "2"}}',
    '{driver_opts: {b: "2", a: "1"}}',
    false,
  ],
  ['with other options', '{driver_opts: {o: size=1m}}', '{driver_opts: {o: size=2m}}', true],
  ['with another driver', '', '{driver: nfs}', true],
  ['with another label', '', '{labels: {a: "1"}}', false],
] as const) {
  test(`a volume ${what} is ${isNoted ? 'noted' : 'not noted'}`, () => {
    const release = (volume: string): Manifest => manifest(`${PINNED}\nvolumes:\n  data: ${volume}\n`);
    const notes = notesOnRelease(release(after), [{ name: 'shop 1', manifest: release(before) }]);
    const expected =
      "The volume 'data' is defined otherwise than in shop 1: where it is there, it keeps its data and its old definition.";
    assert.deepEqual(notes, isNoted ? [expected] : []);
  });
}
