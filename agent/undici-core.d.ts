/**
 * undici's HTTP client alone. The package's main module also loads fetch, WebSocket, caches and mocks, which cost the
 * agent 7 MB of memory it would never use; these are the same classes and the same function under the package's own
 * paths, which it does not close with an `exports` map. The version is pinned.
 */
declare module 'undici/lib/dispatcher/client.js' {
  import { Client } from 'undici';
  export default Client;
}
declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici';
  export default Pool;
}
declare module 'undici/lib/api/api-request.js' {
  import type { Dispatcher } from 'undici';
  /** What the main module makes `Dispatcher.prototype.request`. */
  export default function request(
    this: Dispatcher,
    options: Dispatcher.RequestOptions,
  ): Promise<Dispatcher.ResponseData>;
}
