import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStream } from '../../../agent/docker/demultiplex.ts';
import { parseExits } from '../../../agent/docker/parse-exits.ts';

test('die events: exit codes by container, the latest one last', () => {
  const die = (id: string, exitCode: string) => JSON.stringify({ Actor: { ID: id, Attributes: { exitCode } } });
  const exits = parseExits([die('a', '1'), die('b', '0'), die('a', '137'), 'torn {', die('c', ''), ''].join('\n'));
  assert.deepEqual(
    [...exits],
    [
      ['a', [1, 137]],
      ['b', [0]],
    ],
  );
});

function frame(stream: number, text: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(stream, 0);
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

test('a log has frames around the pieces of two streams, or none where the container has a terminal', () => {
  assert.equal(
    readStream(Buffer.concat([frame(1, 'migrating\n'), frame(2, 'it is locked\n')])),
    'migrating\nit is locked\n',
  );
  assert.equal(readStream(Buffer.from('a terminal prints as it is\r\n')), 'a terminal prints as it is\r\n');
  assert.equal(readStream(Buffer.alloc(0)), '');
});
