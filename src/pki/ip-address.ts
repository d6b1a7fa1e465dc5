import { isIP, isIPv4 } from 'node:net';

function ipv4Bytes(text: string): number[] {
  return text.split('.').map(Number);
}

/** The 16-bit groups of one side of `::`; an IPv4 tail counts as two. */
function groupsOf(side: string): number[] {
  if (side === '') return [];
  return side.split(':').flatMap((group) => {
    if (!isIPv4(group)) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = ipv4Bytes(group);
    return [a * 256 + b, c * 256 + d];
  });
}

/** The 4 or 16 bytes of an IP address; null for any other text, and for one with a zone, which no certificate can hold. */
export function addressBytes(text: string): Uint8Array | null {
  switch (text.includes('%') ? 0 : isIP(text)) {
    case 4:
      return Uint8Array.from(ipv4Bytes(text));
    case 6: {
      const [head = '', tail = ''] = text.split('::', 2);
      const before = groupsOf(head);
      const after = groupsOf(tail);
      const zeros = new Array<number>(8 - before.length - after.length).fill(0);
      return Uint8Array.from([...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]));
    }
    default:
      return null;
  }
}
