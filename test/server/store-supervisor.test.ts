/** How the store is opened again and again, by a clock in the test's hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NexusError } from '../../src/domain/errors.ts';
import type { Store } from '../../src/domain/store.ts';
import { StoreSupervisor } from '../../src/server/store-supervisor.ts';
import { HandDrivenRuntime } from '../domain/hand-driven-runtime.ts';
import { RecordingLog } from '../domain/recording-log.ts';

const FULL = new NexusError('store_unavailable', 'the disk is full');
const LOCKED = new NexusError('store_unavailable', 'another program has locked it');
const REFUSED = new NexusError('store_refused', 'it was written by a newer Nexus');
const UNUSABLE = 'the store cannot be used: the server answers 503 and tries to open the store every second';

/** What happens to the store, in order, with a source and a user that do as the test says. */
class SupervisorUnderTest {
  readonly events: string[] = [];
  readonly runtime = new HandDrivenRuntime();
  readonly log = new RecordingLog();
  /** Why the next attempts fail; null: they succeed. */
  claimFailure: NexusError | null = null;
  openFailure: NexusError | null = null;
  checkFailure: NexusError | null = null;
  readonly supervisor: StoreSupervisor;
  #onDetached: (reason: string) => void = () => {};
  damage: (failure: NexusError) => void = () => {};

  constructor() {
    const fail = (failure: NexusError | null): void => {
      if (failure !== null) throw failure;
    };
    const source = {
      claim: () => {
        this.events.push('claim');
        fail(this.claimFailure);
        return { release: () => void this.events.push('release') };
      },
      open: (_nowMs: number, onDamaged: (failure: NexusError) => void) => {
        this.events.push('open');
        fail(this.openFailure);
        this.damage = onDamaged;
        return {} as Store;
      },
      check: () => fail(this.checkFailure),
    };
    const user = {
      attach: async (_store: Store, onDetached: (reason: string) => void) => {
        this.events.push('attach');
        this.#onDetached = onDetached;
      },
      setUnready: (reason: string) => void this.events.push(`unready: ${reason}`),
      detach: (error: NexusError) => {
        this.events.push(`let go: ${error.message}`);
        this.#onDetached(error.message);
      },
    };
    const openSocket = async () => {
      this.events.push('socket');
      return { close: async () => void this.events.push('socket closed') };
    };
    this.supervisor = new StoreSupervisor(user, source, this.runtime, this.log, openSocket);
  }

  /** The events since they were last taken. */
  take(): string[] {
    return this.events.splice(0);
  }

  detach(reason: string): void {
    this.#onDetached(reason);
  }
}

test('the place is taken before the socket and the store are opened', async () => {
  const subject = new SupervisorUnderTest();
  await subject.supervisor.open();
  assert.deepEqual(subject.take(), ['claim', 'socket', 'open', 'attach']);
  await subject.runtime.advance(60_000);
  assert.deepEqual(subject.take(), []);
});

test('a store that cannot be opened is tried every second, and each reason is logged once', async () => {
  const subject = new SupervisorUnderTest();
  subject.openFailure = FULL;
  await subject.supervisor.open();
  assert.deepEqual(subject.take(), ['claim', 'socket', 'open', 'unready: the disk is full']);
  await subject.runtime.advance(2_000);
  assert.deepEqual(subject.take(), ['open', 'unready: the disk is full', 'open', 'unready: the disk is full']);
  subject.openFailure = LOCKED;
  await subject.runtime.advance(1_000);
  subject.openFailure = null;
  await subject.runtime.advance(1_000);
  assert.deepEqual(subject.take(), ['open', 'unready: another program has locked it', 'open', 'attach']);
  assert.deepEqual(
    subject.log.said(UNUSABLE).map(({ fields }) => fields['reason']),
    ['the disk is full', 'another program has locked it'],
  );
  assert.equal(subject.log.said('the store works again').length, 1);
});

test('a place that cannot be taken is taken later, and the socket opened only then', async () => {
  const subject = new SupervisorUnderTest();
  subject.claimFailure = FULL;
  await subject.supervisor.open();
  assert.deepEqual(subject.take(), ['claim', 'unready: the disk is full']);
  subject.claimFailure = null;
  await subject.runtime.advance(1_000);
  assert.deepEqual(subject.take(), ['claim', 'socket', 'open', 'attach']);
});

test('what no waiting mends ends the start, and later only the trying', async () => {
  const first = new SupervisorUnderTest();
  first.openFailure = REFUSED;
  await assert.rejects(first.supervisor.open(), { code: 'store_refused' });

  const later = new SupervisorUnderTest();
  await later.supervisor.open();
  later.openFailure = REFUSED;
  later.detach('the disk is full');
  await later.runtime.advance(10_000);
  assert.deepEqual(later.take(), ['claim', 'socket', 'open', 'attach', 'open', `unready: ${REFUSED.message}`]);
  assert.equal(
    later.log.said('the store cannot be opened again without help: stop nexus serve and repair it').length,
    1,
  );
});

test('a store that turns out to be damaged or to be gone is let go of after the statement that met it', async () => {
  const subject = new SupervisorUnderTest();
  await subject.supervisor.open();
  subject.take();
  subject.damage(FULL);
  assert.deepEqual(subject.take(), [], 'not in the middle of the statement');
  await subject.runtime.settle();
  assert.deepEqual(subject.take(), ['let go: the disk is full']);
  await subject.runtime.advance(1_000);
  assert.deepEqual(subject.take(), ['open', 'attach']);

  subject.supervisor.watch();
  subject.checkFailure = LOCKED;
  subject.supervisor.watch();
  await subject.runtime.settle();
  assert.deepEqual(subject.take(), ['let go: another program has locked it']);
});

test('nothing is opened any more once it closes', async () => {
  const subject = new SupervisorUnderTest();
  subject.openFailure = FULL;
  await subject.supervisor.open();
  await subject.supervisor.closeSocket();
  subject.supervisor.release();
  subject.openFailure = null;
  await subject.runtime.advance(10_000);
  assert.deepEqual(subject.take(), [
    'claim',
    'socket',
    'open',
    'unready: the disk is full',
    'socket closed',
    'release',
  ]);
});
