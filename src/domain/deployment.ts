/** What rollouts have brought to a host, stack by stack, as its agent reported it last. */
export interface Deployment {
  readonly stack: string;
  readonly host: string;
  /** The digest of what runs; null: nothing of the stack. It need not be a release that the server has. */
  readonly release: string | null;
  /** The rollout that it was reported in. */
  readonly rolloutId: string;
  /** Since when it runs, by the server's clock. */
  readonly sinceMs: number;
}
