/** A socket of this network namespace that keeps others from its port. */
export interface Listener {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** Dotted IPv4, or IPv6 as the kernel's 32 hex digits; null: every address. */
  readonly address: string | null;
}

/** States of tcp_states.h: a TCP socket that listens, and a UDP socket that is bound and not connected. */
const KEEPS_PORT = { tcp: '0A', udp: '07' } as const;
const ADDRESS_FIELD = 1;
const STATE_FIELD = 3;

/** Reads `/proc/net/tcp`, `tcp6`, `udp` or `udp6` (proc(5)). Lines of another form are left out. */
export function parseListeners(text: string, protocol: Listener['protocol']): Listener[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const local = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(fields[ADDRESS_FIELD] ?? '');
    if (local === null || fields[STATE_FIELD] !== KEEPS_PORT[protocol]) return [];
    const [, address = '', port = ''] = local;
    return { protocol, port: Number.parseInt(port, 16), address: readAddress(address) };
  });
}

/** The kernel prints the address as 32-bit words in the byte order of the machine, which is little-endian here. */
function readAddress(hex: string): string | null {
  if (/^0+$/.test(hex)) return null;
  if (hex.length > 8) return hex.toLowerCase();
  const bytes = hex.match(/../g) ?? [];
  return bytes
    .map((byte) => Number.parseInt(byte, 16))
    .reverse()
    .join('.');
}
