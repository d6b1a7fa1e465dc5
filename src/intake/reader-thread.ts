/** The thread that reads bodies. It keeps no state between messages. */
import { parentPort } from 'node:worker_threads';
import { packed, readPlainBody } from './read-body.ts';
import { type BodiesMessage, readBodies, writeTicks } from './reader-protocol.ts';

parentPort?.on('message', (message: BodiesMessage) => {
  const ticks = readBodies(message).map((body) => {
    const tick = readPlainBody(body);
    return tick === null ? null : packed(tick);
  });
  const answer = writeTicks(ticks);
  parentPort?.postMessage(answer, [answer.bytes.buffer]);
});
