/** The thread that reads bodies. It keeps no state between messages. */
import { parentPort } from 'node:worker_threads';
import { readPlainBody } from './read-body.ts';
import { type BodiesMessage, readBodies, writeTicks } from './reader-protocol.ts';

parentPort?.on('message', (message: BodiesMessage) => {
  const answer = writeTicks(readBodies(message).map(readPlainBody));
  parentPort?.postMessage(answer, [answer.bytes.buffer]);
});
