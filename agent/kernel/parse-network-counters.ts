/** Bytes one network interface has received and sent since it was made. */
export interface InterfaceCounters {
  readonly name: string;
  readonly rxBytes: number;
  readonly txBytes: number;
}

const TX_BYTES_FIELD = 8;

/** Reads `/proc/<pid>/net/dev` (proc(5)). Lines of another form are left out. */
export function parseNetworkCounters(text: string): InterfaceCounters[] {
  const interfaces: InterfaceCounters[] = [];
  for (const line of text.split('\n')) {
    // The colon may touch the first counter; a name may hold a colon itself (an alias), so the last one counts.
    const colon = line.lastIndexOf(':');
    if (colon < 0) continue;
    const fields = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    const [rxBytes, txBytes] = [fields[0], fields[TX_BYTES_FIELD]];
    if (rxBytes === undefined || txBytes === undefined || Number.isNaN(rxBytes) || Number.isNaN(txBytes)) continue;
    interfaces.push({ name: line.slice(0, colon).trim(), rxBytes, txBytes });
  }
  return interfaces;
}
