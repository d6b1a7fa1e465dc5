/** A fleet that says what a test wants it to say. By default everybody is online and nothing stands in the way. */
import type { HostStatus, Labels } from '../../src/domain/host.ts';
import type { Quarantine } from '../../src/domain/release.ts';
import type { FleetView, HostFigures, Reading } from '../../src/rollout/fleet-view.ts';

type Question = 'host' | 'quarantine' | 'occupant' | 'epoch';

export class FakeFleet implements FleetView {
  readonly statuses = new Map<string, HostStatus>();
  readonly labels = new Map<string, Labels>();
  readonly occupants = new Map<string, string>();
  /** Names of hosts that do not exist. */
  readonly unknown = new Set<string>();
  /** Questions that cannot be answered. */
  readonly blind = new Set<Question>();
  quarantined: Quarantine | null = null;
  /** How often anything was asked. */
  readings = 0;

  host(name: string): Reading<HostFigures | null> {
    const figures = { status: this.statuses.get(name) ?? 'online', labels: this.labels.get(name) ?? {} } as const;
    return this.#read('host', this.unknown.has(name) ? null : figures);
  }

  quarantine(): Reading<Quarantine | null> {
    return this.#read('quarantine', this.quarantined);
  }

  occupant(_stack: string, host: string): Reading<string | null> {
    return this.#read('occupant', this.occupants.get(host) ?? null);
  }

  nextEpoch(): Reading<number> {
    return this.#read('epoch', 1);
  }

  #read<T>(question: Question, value: T): Reading<T> {
    this.readings += 1;
    return this.blind.has(question) ? { ok: false, why: 'the disk is slow' } : { ok: true, value };
  }
}
