/** Time as a port: the edge asks for it, everything inside receives it as data. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  nowMs(): number;
}
