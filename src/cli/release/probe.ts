import { NexusError } from '../../domain/errors.ts';
import { quote } from '../../domain/words.ts';
import type { ManifestBody } from '../../wire/release.ts';
import { commandLineWords } from '../terminal/command-line-words.ts';

export interface ProbeFlags {
  readonly probeHttp?: readonly string[];
  readonly probeTcp?: readonly string[];
  readonly probeExec?: readonly string[];
  readonly observe?: readonly string[];
}

type Probe = NonNullable<ManifestBody['probes']>[number];

function splitAt(text: string, separator: string): [string, string] | undefined {
  const at = text.indexOf(separator);
  return at > 0 && at < text.length - 1 ? [text.slice(0, at), text.slice(at + 1)] : undefined;
}

function readAssignment(flag: string, text: string, form: string): [name: string, value: string] {
  const assignment = splitAt(text, '=');
  if (assignment !== undefined) return assignment;
  throw new NexusError('usage', `${flag} is '${text}', which is not a probe: write ${form}.`);
}

const HTTP_FORM = 'NAME=URL, for example front=http://127.0.0.1:8080/health';
const TCP_FORM = 'NAME=HOST:PORT, for example db=127.0.0.1:5432';
const EXEC_FORM = 'NAME=SERVICE:COMMAND as one word, for example "ready=db:pg_isready -U app"';

function readHttp(text: string): Probe {
  const [name, url] = readAssignment('--probe-http', text, HTTP_FORM);
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return { name, mode: 'enforce', http: { url } };
  throw new NexusError('usage', `--probe-http is '${text}', but '${url}' is not an HTTP URL: write ${HTTP_FORM}.`);
}

function readTcp(text: string): Probe {
  const [name, address] = readAssignment('--probe-tcp', text, TCP_FORM);
  if (/^(?:\[[0-9A-Fa-f:.]+\]|[^\s:/]+):\d{1,5}$/.test(address)) return { name, mode: 'enforce', tcp: { address } };
  throw new NexusError('usage', `--probe-tcp is '${text}', but '${address}' is not HOST:PORT: write ${TCP_FORM}.`);
}

function readExec(text: string): Probe {
  const [name, value] = readAssignment('--probe-exec', text, EXEC_FORM);
  const [service, line] = splitAt(value, ':') ?? ['', ''];
  const command = commandLineWords(line.trim());
  if (service === '' || command[0] === '') {
    throw new NexusError(
      'usage',
      `--probe-exec is '${text}', which does not name a service and a command: write ${EXEC_FORM}.`,
    );
  }
  return { name, mode: 'enforce', exec: { service, command } };
}

function refuseDuplicates(probes: readonly Probe[]): void {
  const names = probes.map((probe) => probe.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new NexusError('usage', `two probes are named '${twice}': give each its own name.`);
}

/** The probes of the flags: http, then tcp, then exec, each in the order given. Throws `usage`. */
export function readProbes(flags: ProbeFlags): Probe[] {
  const probes = [
    ...(flags.probeHttp ?? []).map(readHttp),
    ...(flags.probeTcp ?? []).map(readTcp),
    ...(flags.probeExec ?? []).map(readExec),
  ];
  refuseDuplicates(probes);
  const observed = new Set(flags.observe);
  const known = new Set(probes.map((probe) => probe.name));
  const unknown = [...observed].find((name) => !known.has(name));
  if (unknown !== undefined) {
    const names = probes.length === 0 ? 'there are no probes' : `the probes are ${[...known].map(quote).join(', ')}`;
    throw new NexusError('usage', `--observe is '${unknown}', but no probe has that name: ${names}.`);
  }
  return probes.map((probe) => (observed.has(probe.name) ? { ...probe, mode: 'observe' } : probe));
}
