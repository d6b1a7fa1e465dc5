/** An event as it waits to be sent: numbered, with the fields that its type has on the wire. */
export interface QueuedEvent {
  readonly type: string;
  readonly seq: number;
  readonly [field: string]: unknown;
}
