import type { Dispatcher } from 'undici';
import request from 'undici/lib/api/api-request.js';

/** One HTTP request over a client or pool. Rejects with undici's error when there is no answer. */
export function httpRequest(
  dispatcher: Dispatcher,
  options: Dispatcher.RequestOptions,
): Promise<Dispatcher.ResponseData> {
  return request.call(dispatcher, options);
}
