/** Every limit of the HTTP surface, in one place. */
export const HTTP_LIMITS = {
  /** Request line and headers together. */
  maxHeaderBytes: 16_384,
  maxHeaders: 64,
  /** From the first byte to the end of the headers. */
  headersTimeoutMs: 10_000,
  /** From the first byte to the end of the body. */
  requestTimeoutMs: 30_000,
  /** Longer than two intervals of an agent, so that its one connection lasts. */
  keepAliveTimeoutMs: 75_000,
  /** A socket that neither sends nor receives for this long is closed. */
  socketTimeoutMs: 120_000,
  /** A telemetry connection and a waiting poll for each of 10,000 hosts, and some operators. */
  maxConnections: 25_000,
  /** One telemetry body, after decompression. 500 containers with all their labels come to about 1 MB. */
  telemetryBodyBytes: 2 * 1024 * 1024,
  /** One batch, after decompression. */
  batchBodyBytes: 16 * 1024 * 1024,
  /** Telemetry that is here and not answered yet: from `few` to `most` posts, so that none takes much longer than `longMs`, */
  telemetryUnderWay: { few: 256, most: 4096, longMs: 50 },
  /** and of these bytes. */
  underWayBytes: 64 * 1024 * 1024,
  /** Telemetry that waits for room before its body is read: so long, and so many with those about to be refused; */
  telemetryWaiting: { most: 8192, longMs: 100 },
  /** their refusals are held back, those of others come at once. */
  refusalHeldMs: 900,
  /** One numbered event; its largest field is 8 KiB of output. */
  eventBodyBytes: 128 * 1024,
  /** Any operator request. */
  operatorBodyBytes: 256 * 1024,
  /** Bodies that are received or worked on, all together; beyond it new ones are answered 503. */
  bodiesBytes: 128 * 1024 * 1024,
  /** Of that, kept free of telemetry for events and operators; */
  reservedBytes: 16 * 1024 * 1024,
  /** and at most for one client, with at most so many batches at the same time. */
  clientBodiesBytes: 16 * 1024 * 1024,
  clientBatches: 2,
  /** A stream on which nothing has happened for this long gets a comment. */
  streamAliveMs: 15_000,
  /** What is read and thrown away of a refused body to keep its connection; a larger one costs the connection. */
  drainBytes: 256 * 1024,
  /** For how long the rest of a larger one is read before its connection is closed, so that the answer is not lost. */
  drainMs: 2_000,
  /** In-flight requests may take this long to finish at a shutdown; `docker stop` kills after 10 s. */
  shutdownMs: 5_000,
} as const;
