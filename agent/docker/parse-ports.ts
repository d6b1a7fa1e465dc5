import { cutText } from '../cut-text.ts';
import { arrayAt, asObject, type JsonObject, textAt } from '../read-json.ts';

/** Of a container that publishes thousands of ports, only the first ones are reported. */
const MAX_PORTS = 64;
const MAX_PORT_TEXT = 128;

function portOrder(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1);
}

/**
 * `NetworkSettings.Ports` of the Engine API (`{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}]}`, null for a port
 * that is only exposed) as `0.0.0.0:8080->80/tcp`, `[::]:8080->80/tcp`, `80/tcp`: by container port, at most 64.
 */
export function parsePorts(ports: JsonObject | null): string[] {
  if (ports === null) return [];
  const texts: string[] = [];
  for (const port of Object.keys(ports).sort(portOrder)) {
    const bindings = arrayAt(ports, port);
    if (bindings.length === 0) texts.push(port);
    for (const binding of bindings.map(asObject)) {
      const address = textAt(binding, 'HostIp') ?? '0.0.0.0';
      const hostPort = textAt(binding, 'HostPort');
      if (hostPort === null) texts.push(port);
      else texts.push(`${address.includes(':') ? `[${address}]` : address}:${hostPort}->${port}`);
    }
    if (texts.length >= MAX_PORTS) break;
  }
  return texts.slice(0, MAX_PORTS).map((text) => cutText(text, MAX_PORT_TEXT));
}
