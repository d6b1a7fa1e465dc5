/**
 * Tells trouble of this host or of a registry, which passes and says nothing of the release, from a release that is at
 * fault. What the engine states as a fact (a status, an object that is or is not there) is classified where it is asked;
 * Docker Compose only prints sentences, and this table is where those are read.
 */
import type { TroubleClass } from '../../../src/domain/rollout.ts';

/** Why a release cannot be activated on this host now, although it may be good. */
export interface Trouble {
  readonly class: TroubleClass;
  /** A sentence, or the last line of what failed. */
  readonly reason: string;
}

export interface TroubleRow {
  /** `release`: trying again elsewhere or later gives the same. */
  readonly class: TroubleClass | 'release';
  readonly pattern: RegExp;
  /** Who prints it, and since when. */
  readonly source: string;
  /** As it is printed. */
  readonly example: string;
}

/**
 * Messages of Docker Engine 20.10–28 and Compose 2.17–2.40; the first row that matches counts. Registries answer with
 * the error codes of the OCI distribution specification, which the engine prints in lower case before its own words.
 */
export const TROUBLE_ROWS: readonly TroubleRow[] = [
  {
    class: 'disk',
    pattern: /no space left on device|disk quota exceeded/i,
    source: 'the kernel, ENOSPC and EDQUOT',
    example: 'failed to register layer: write /usr/lib/libLLVM.so: no space left on device',
  },
  {
    class: 'disk',
    pattern: /read-only file system|input\/output error/i,
    source: 'the kernel, EROFS and EIO',
    example: 'Error response from daemon: mkdir /var/lib/docker/overlay2/5f6c: read-only file system',
  },
  {
    class: 'registry',
    pattern: /\btoomanyrequests\b|\b429 too many requests\b/i,
    source: 'distribution specification, code TOOMANYREQUESTS',
    example:
      'Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit',
  },
  {
    class: 'registry',
    pattern: /no matching manifest for \S+ in the manifest list entries|no match for platform in manifest/i,
    source: 'Engine 20.10 and later; images for other machines are often pushed one after the other',
    example: 'no matching manifest for linux/arm64/v8 in the manifest list entries',
  },
  {
    class: 'release',
    pattern: /failed to resolve reference "[^"]+": [^\s:]+(?::\d+)?\/\S+: not found/i,
    source: 'the containerd image store of Engine 25 and later',
    example: 'failed to resolve reference "registry.test/shop/web:2": registry.test/shop/web:2: not found',
  },
  {
    class: 'release',
    pattern: /\bmanifest unknown\b|\bmanifest for \S+ not found\b|\bmanifest_unknown\b/i,
    source: 'distribution specification, code MANIFEST_UNKNOWN',
    example:
      'Error response from daemon: manifest for registry.test/shop/web:2 not found: manifest unknown: manifest unknown',
  },
  {
    class: 'release',
    pattern: /\b(?:name unknown|name_unknown|repository name not known to registry)\b/i,
    source: 'distribution specification, code NAME_UNKNOWN',
    example: 'Error response from daemon: name unknown: repository name not known to registry',
  },
  {
    class: 'release',
    pattern: /invalid reference format|\bname invalid\b/i,
    source: 'reference grammar of the engine and of the distribution specification, code NAME_INVALID',
    example: "unable to get image 'Shop/web:1': Error response from daemon: invalid reference format",
  },
  {
    class: 'credentials',
    pattern:
      /\bpull access denied\b|\bno basic auth credentials\b|\bauthentication required\b|\bincorrect username or password\b/i,
    source: 'Engine 20.10 and later; a registry answers a missing repository and a private one alike',
    example:
      "Error response from daemon: pull access denied for shop/web, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
  },
  {
    class: 'credentials',
    pattern:
      /\bunauthorized:|\bdenied:|\b401 unauthorized\b|\b403 forbidden\b|error getting credentials|docker-credential-\S+/i,
    source: 'distribution specification, codes UNAUTHORIZED and DENIED; credential helpers of the Docker CLI',
    example:
      'Error response from daemon: Head "https://registry.test/v2/shop/web/manifests/2": unauthorized: access token has expired',
  },
  {
    class: 'engine',
    pattern:
      /cannot connect to the docker daemon|is the docker daemon running|error during connect|docker\.sock: connect: |dial unix \S+:|permission denied while trying to connect to the docker/i,
    source: 'the Docker CLI, all versions',
    example: 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
  },
  {
    class: 'compose',
    pattern:
      /'compose' is not a docker command|unknown (?:shorthand )?(?:flag|command): .*compose|\bdocker: unknown command: docker compose\b|unknown flag: --(?:wait|wait-timeout|pull|no-build)/i,
    source: 'the Docker CLI without its Compose plugin, and a Compose that is too old',
    example: "docker: 'compose' is not a docker command.\nSee 'docker --help'",
  },
  {
    class: 'network',
    pattern: /(?:^|daemon: |networking: )address already in use$/im,
    source: 'Engine 20.10–28, a fixed address of a network that another container has',
    example: 'Error response from daemon: failed to set up container networking: Address already in use',
  },
  {
    class: 'port',
    pattern:
      /port is already allocated|failed to bind (?:host )?port|address already in use|ports are not available|bind: permission denied|cannot assign requested address/i,
    source: 'Engine 20.10–27 (port allocator, userland proxy), 28 and later (failed to bind host port)',
    example:
      'Error response from daemon: driver failed programming external connectivity on endpoint shop-web-1 (f3c1): Bind for 0.0.0.0:8080 failed: port is already allocated',
  },
  {
    class: 'name',
    pattern: /the container name "\S+" is already in use|container name "\S+" is already in use/i,
    source: 'Engine 20.10 and later, status 409',
    example:
      'Error response from daemon: Conflict. The container name "/shop-db" is already in use by container "1f0c". You have to remove (or rename) that container to be able to reuse that name.',
  },
  {
    class: 'name',
    pattern:
      /(?:network|volume) \S+ was found but has incorrect label|a network with name \S+ exists but was not created (?:by|for)/i,
    source: 'Compose 2.17 and later',
    example: 'network shop_front was found but has incorrect label com.docker.compose.network set to ""',
  },
  {
    class: 'network',
    pattern:
      /network \S+ declared as external, but could not be found|external (?:network|volume) "?[^"\s]+"? not found|network [\w.-]+ not found/i,
    source: 'Compose 2.17 and later; the engine when a network went away in between',
    example: 'network front declared as external, but could not be found',
  },
  {
    class: 'network',
    pattern:
      /could not find an available, non-overlapping ipv4 address pool|all predefined address pools have been fully subnetted|pool overlaps with other one on this address space|no available (?:ipv[46] )?addresses? on (?:this|the) pool/i,
    source: 'Engine 20.10–28, address management of networks',
    example:
      'failed to create network shop_default: Error response from daemon: could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
  },
  {
    class: 'engine',
    pattern: /\biptables(?:\s+failed|: no chain\/target\/match by that name)|unable to (?:enable|insert) \S+ rule/i,
    source: 'Engine 20.10–28 after a firewall has been reloaded underneath it',
    example:
      'driver failed programming external connectivity on endpoint shop-web-1: (iptables failed: iptables --wait -t nat -A DOCKER -p tcp: iptables: No chain/target/match by that name.',
  },
  {
    class: 'engine',
    pattern:
      /failed to create (?:shim|task)[^\n]*(?:context deadline exceeded|ttrpc: closed|connection refused|resource temporarily unavailable|cannot allocate memory)|too many open files|fork\/exec \S+: (?:resource temporarily unavailable|cannot allocate memory)/i,
    source: 'containerd and the kernel, EMFILE, EAGAIN and ENOMEM',
    example:
      'Error response from daemon: failed to create task for container: failed to create shim task: context deadline exceeded: unknown',
  },
  {
    class: 'registry',
    pattern: /\b(?:no such host|server misbehaving|temporary failure in name resolution)\b/i,
    source: 'the resolver, all versions',
    example:
      'Error response from daemon: Get "https://registry.test/v2/": dial tcp: lookup registry.test: no such host',
  },
  {
    class: 'registry',
    pattern:
      /\bdial tcp\b|\bread tcp\b|\bproxyconnect\b|\bconnection re(?:fused|set)\b|\bno route to host\b|\bnetwork is unreachable\b|\bi\/o timeout\b|\btls handshake timeout\b|\bunexpected eof\b|: EOF$|\bclient\.timeout exceeded\b|\brequest canceled\b|\bcontext deadline exceeded\b/im,
    source: 'the HTTP client of the engine, all versions',
    example:
      'Error response from daemon: Get "https://registry.test/v2/": dial tcp 10.0.0.9:443: connect: connection refused',
  },
  {
    class: 'registry',
    pattern: /\bx509: |\bhttp: server gave http response to https client\b|\btls: /i,
    source: 'the TLS client of the engine; the certificates are this host’s to know',
    example:
      'Error response from daemon: Get "https://registry.test/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
  },
  {
    class: 'registry',
    pattern:
      /\b50[0234] (?:internal server error|bad gateway|service unavailable|gateway time-?out)\b|received unexpected http status: 5\d\d|unexpected status(?: code)?[^\n]*\b5\d\d\b|\bunavailable: /i,
    source: 'registries and what stands before them, status 5xx',
    example: 'Error response from daemon: received unexpected HTTP status: 503 Service Unavailable',
  },
  {
    class: 'registry',
    pattern:
      /filesystem layer verification failed|failed commit on ref|unexpected (?:commit )?digest|digest mismatch|manifest verification failed for digest|\bblob unknown\b|\binvalid (?:checksum|tar header)\b/i,
    source: 'Engine 20.10–28 and its containerd image store; distribution specification, code BLOB_UNKNOWN',
    example: 'filesystem layer verification failed for digest sha256:9f2c',
  },
];

/** What a failed `pull` says; null: the release is at fault. What the table does not know counts as the registry's. */
export function classifyPull(output: string): Trouble | null {
  const row = TROUBLE_ROWS.find(({ pattern }) => pattern.test(output));
  if (row?.class === 'release') return null;
  return { class: row?.class ?? 'registry', reason: tellingLine(output, row?.pattern) };
}

/**
 * What a failed `up` says; null: the release is at fault. What the table does not know counts as the release's: from here
 * on it is its own containers that are started.
 */
export function classifyUp(output: string): Trouble | null {
  const row = TROUBLE_ROWS.find(({ pattern }) => pattern.test(output));
  if (row === undefined || row.class === 'release') return null;
  // Nothing is pulled by now: what cannot be reached is something that the engine itself needs, such as a log server.
  return { class: row.class === 'registry' ? 'engine' : row.class, reason: tellingLine(output, row.pattern) };
}

/** The line that tells it; the last one where none does. */
function tellingLine(output: string, pattern: RegExp | undefined): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const told = pattern === undefined ? undefined : lines.findLast((line) => pattern.test(line));
  return (told ?? lines.at(-1) ?? 'it says nothing').replace(/^Error response from daemon: /, '');
}
