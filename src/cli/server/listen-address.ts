import { isIPv6 } from 'node:net';
import { NexusError } from '../../domain/errors.ts';

interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose a free port. */
  readonly port: number;
}

/** `HOST:PORT`, with an IPv6 address in brackets as in a URL: `[::1]:8470`. Throws `usage`. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:[\]\s/]+)):(?<port>\d{1,5})$/.exec(text);
  const bracketed = match?.groups?.['bracketed'];
  const host = bracketed ?? match?.groups?.['plain'];
  const port = Number(match?.groups?.['port']);
  if (host === undefined || port > 65_535 || (bracketed !== undefined && !isIPv6(bracketed))) {
    throw new NexusError(
      'usage',
      `--listen is '${text}', which is not HOST:PORT: write for example 127.0.0.1:8470 for this machine only, 0.0.0.0:8470 for every network, or [::1]:8470.`,
    );
  }
  return { host, port };
}
