import type { ForwardingStore } from '../domain/forwarding-store.ts';
import type { NumberedTick, Tables } from './tables.ts';

/** `use` returns the tables, and throws after the store is closed. */
export function createMemoryForwarding(use: () => Tables): ForwardingStore {
  function pending({ ticks, forwardedUpTo }: Tables): NumberedTick[] {
    return [...ticks.values()]
      .flat()
      .filter(({ number }) => number > forwardedUpTo)
      .sort((a, b) => a.number - b.number);
  }

  function remove({ requests }: Tables, isMeant: (request: Tables['requests'][number]) => boolean): number {
    const left = requests.filter((request) => !isMeant(request));
    const removed = requests.length - left.length;
    requests.splice(0, requests.length, ...left);
    return removed;
  }

  return {
    backlog() {
      const { requests, last, forwardedUpTo } = use();
      return {
        requests: requests.length,
        requestBytes: requests.reduce((sum, { body }) => sum + body.length, 0),
        ticks: Math.max(0, last.tick - forwardedUpTo),
        oldestAtMs: requests[0]?.atMs ?? pending(use())[0]?.tick.receivedAtMs ?? null,
      };
    },
    pending(limit) {
      const ticks = pending(use()).slice(0, limit);
      const newest = ticks.at(-1);
      return newest === undefined ? null : { ticks: ticks.map(({ tick }) => tick), position: { after: newest.number } };
    },
    moveTo({ after }) {
      use().forwardedUpTo = after;
    },
    putOff(atMs, body, { after }) {
      const tables = use();
      tables.last.request += 1;
      tables.requests.push({ number: tables.last.request, atMs, body: Uint8Array.from(body) });
      tables.forwardedUpTo = after;
    },
    first: () => use().requests[0],
    remove: (number) => void remove(use(), (request) => request.number === number),
    trim(beforeMs, maxBytes) {
      const { requests } = use();
      let dropped = remove(use(), ({ atMs }) => atMs < beforeMs);
      let size = requests.reduce((sum, { body }) => sum + body.length, 0);
      while (size > maxBytes) {
        size -= requests.shift()?.body.length ?? size;
        dropped += 1;
      }
      return dropped;
    },
  };
}
