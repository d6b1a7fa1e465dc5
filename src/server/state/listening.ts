/** Since when commands have been taken without a break. Silence before that does not count against a host. */
export interface Listening {
  sinceMs: number;
}
