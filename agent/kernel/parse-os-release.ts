/** `PRETTY_NAME` of os-release(5), quotes and escapes removed; null when there is none. */
export function parseOsRelease(text: string): string | null {
  const match = /^PRETTY_NAME=(.*)$/m.exec(text);
  if (match === null) return null;
  const value = (match[1] ?? '').trim();
  const quoted = /^(["'])(.*)\1$/.exec(value);
  const name = (quoted?.[2] ?? value).replace(/\\(["'$`\\])/g, '$1');
  return name === '' ? null : name;
}

/** `Debian GNU/Linux 12 (bookworm), Linux 6.1.0`: the distribution where it is known, and the running kernel. */
export function describeOs(prettyName: string | null, kernelRelease: string): string {
  return prettyName === null ? `Linux ${kernelRelease}` : `${prettyName}, Linux ${kernelRelease}`;
}
