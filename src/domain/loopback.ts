/** Whether a host, as a URL or `--listen` names it, is this machine itself; brackets around an IPv6 address do not matter. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/.test(host);
}
