/**
 * The keys that Compose knows, by the Compose specification as Docker Compose 2.40 and 5 read it, and whether each takes
 * text, a list or a mapping. What a value means is left to Compose: it is only misspelt and misplaced keys that it would
 * refuse on the first host, minutes later.
 */
import { closest, distance } from 'fastest-levenshtein';
import { quote } from '../../../domain/words.ts';
import { isMapping, RESET, withoutOverride } from './document.ts';

interface KeyShape {
  /** Text, a number, or true or false; each may be written as a variable. */
  readonly scalar?: true;
  readonly list?: KeyShape;
  /** A mapping with these keys and no others, but for those that begin with 'x-'. */
  readonly keys?: Readonly<Record<string, KeyShape>>;
  /** A mapping whose keys are names. */
  readonly values?: KeyShape;
}

export interface Misfit {
  /** For example `services.web`. */
  readonly path: string;
  /** Completes a sentence about what is at the path. */
  readonly message: string;
}

const TEXT: KeyShape = { scalar: true };
const TEXTS: KeyShape = { list: TEXT };
const SETTINGS: KeyShape = { values: TEXT };
const TEXT_OR_TEXTS: KeyShape = { ...TEXT, ...TEXTS };
const TEXTS_OR_SETTINGS: KeyShape = { ...TEXTS, ...SETTINGS };
/** Read only by newer versions of Compose, by plugins, or for builds: not looked into. */
const ANYTHING: KeyShape = {};

function each(shape: KeyShape, names: string): Record<string, KeyShape> {
  return Object.fromEntries(names.split(' ').map((name) => [name, shape]));
}

const EXTERNAL: KeyShape = { ...TEXT, keys: each(TEXT, 'name') };

const ULIMITS: KeyShape = { values: { ...TEXT, keys: each(TEXT, 'soft hard') } };
const EXTRA_HOSTS: KeyShape = { list: TEXT, values: TEXT_OR_TEXTS };
const GRANTS: KeyShape = { list: { ...TEXT, keys: each(TEXT, 'source target uid gid mode') } };
const DEVICE_REQUESTS: KeyShape = {
  list: {
    keys: { ...each(TEXT, 'count driver'), ...each(TEXTS, 'capabilities device_ids'), options: TEXTS_OR_SETTINGS },
  },
};
const HOOKS: KeyShape = {
  list: {
    keys: { ...each(TEXT, 'user privileged working_dir'), command: TEXT_OR_TEXTS, environment: TEXTS_OR_SETTINGS },
  },
};

const HEALTHCHECK: KeyShape = {
  keys: { ...each(TEXT, 'disable interval retries start_interval start_period timeout'), test: TEXT_OR_TEXTS },
};

const ROLLING: KeyShape = { keys: each(TEXT, 'parallelism delay failure_action monitor max_failure_ratio order') };

const DEPLOY: KeyShape = {
  keys: {
    ...each(TEXT, 'mode endpoint_mode replicas'),
    labels: TEXTS_OR_SETTINGS,
    ...each(ROLLING, 'rollback_config update_config'),
    resources: {
      keys: {
        limits: { keys: each(TEXT, 'cpus memory pids') },
        reservations: {
          keys: { ...each(TEXT, 'cpus memory'), generic_resources: { list: ANYTHING }, devices: DEVICE_REQUESTS },
        },
      },
    },
    restart_policy: { keys: each(TEXT, 'condition delay max_attempts window') },
    placement: {
      keys: {
        constraints: TEXTS,
        preferences: { list: { keys: each(TEXT, 'spread') } },
        max_replicas_per_node: TEXT,
      },
    },
  },
};

const MOUNT: KeyShape = {
  ...TEXT,
  keys: {
    ...each(TEXT, 'type source target read_only consistency'),
    bind: { keys: each(TEXT, 'propagation create_host_path recursive selinux') },
    volume: { keys: { ...each(TEXT, 'nocopy subpath'), labels: TEXTS_OR_SETTINGS } },
    tmpfs: { keys: each(TEXT, 'size mode') },
    image: { keys: each(TEXT, 'subpath') },
  },
};

const ATTACHMENT: KeyShape = {
  keys: {
    ...each(TEXT, 'interface_name ipv4_address ipv6_address mac_address priority gw_priority'),
    ...each(TEXTS, 'aliases link_local_ips'),
    driver_opts: SETTINGS,
  },
};

const SERVICE: KeyShape = {
  keys: {
    ...each(
      TEXT,
      'attach cgroup cgroup_parent container_name cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period ' +
        'cpu_rt_runtime cpu_shares cpus cpuset domainname hostname image init ipc isolation mac_address mem_limit ' +
        'mem_reservation mem_swappiness memswap_limit network_mode oom_kill_disable oom_score_adj pid pids_limit ' +
        'platform privileged pull_policy pull_refresh_after read_only restart runtime scale shm_size stdin_open ' +
        'stop_grace_period stop_signal tty use_api_socket user userns_mode uts working_dir',
    ),
    ...each(
      TEXTS,
      'cap_add cap_drop device_cgroup_rules dns_opt expose external_links group_add links profiles security_opt ' +
        'volumes_from',
    ),
    ...each(TEXT_OR_TEXTS, 'command dns dns_search entrypoint label_file tmpfs'),
    ...each(TEXTS_OR_SETTINGS, 'annotations environment labels sysctls'),
    ...each(ANYTHING, 'build develop models provider storage_opt'),
    ...each(GRANTS, 'configs secrets'),
    ...each(HOOKS, 'post_start pre_stop'),
    blkio_config: {
      keys: {
        weight: TEXT,
        weight_device: { list: { keys: each(TEXT, 'path weight') } },
        ...each(
          { list: { keys: each(TEXT, 'path rate') } },
          'device_read_bps device_read_iops device_write_bps device_write_iops',
        ),
      },
    },
    credential_spec: { keys: each(TEXT, 'config file registry') },
    depends_on: { list: TEXT, values: { keys: each(TEXT, 'condition restart required') } },
    deploy: DEPLOY,
    devices: { list: { ...TEXT, keys: each(TEXT, 'source target permissions') } },
    env_file: { ...TEXT, list: { ...TEXT, keys: each(TEXT, 'path required format') } },
    extends: { ...TEXT, keys: each(TEXT, 'service file') },
    extra_hosts: EXTRA_HOSTS,
    gpus: { ...TEXT, ...DEVICE_REQUESTS },
    healthcheck: HEALTHCHECK,
    logging: { keys: { driver: TEXT, options: SETTINGS } },
    networks: { list: TEXT, values: ATTACHMENT },
    ports: {
      list: { ...TEXT, keys: each(TEXT, 'name mode host_ip target published protocol app_protocol') },
    },
    ulimits: ULIMITS,
    volumes: { list: MOUNT },
  },
};

const NETWORK: KeyShape = {
  keys: {
    ...each(TEXT, 'name driver internal enable_ipv4 enable_ipv6 attachable'),
    driver_opts: SETTINGS,
    external: EXTERNAL,
    labels: TEXTS_OR_SETTINGS,
    ipam: {
      keys: {
        driver: TEXT,
        options: SETTINGS,
        config: { list: { keys: { ...each(TEXT, 'subnet ip_range gateway'), aux_addresses: SETTINGS } } },
      },
    },
  },
};

const VOLUME: KeyShape = {
  keys: { ...each(TEXT, 'name driver'), driver_opts: SETTINGS, external: EXTERNAL, labels: TEXTS_OR_SETTINGS },
};

const GRANTED: KeyShape = {
  keys: {
    ...each(TEXT, 'name content environment file driver template_driver'),
    driver_opts: SETTINGS,
    external: EXTERNAL,
    labels: TEXTS_OR_SETTINGS,
  },
};

const PROJECT: KeyShape = {
  keys: {
    ...each(TEXT, 'version name'),
    include: {
      list: { ...TEXT, keys: { ...each(TEXT_OR_TEXTS, 'path env_file'), project_directory: TEXT } },
    },
    services: { values: SERVICE },
    networks: { values: NETWORK },
    volumes: { values: VOLUME },
    ...each({ values: GRANTED }, 'configs secrets'),
    models: { values: ANYTHING },
  },
};

/** What Compose would not take of a parsed Compose file, in the order of the file. */
export function findMisfits(project: unknown): Misfit[] {
  if (!isMapping(project)) return [{ path: '', message: 'is not a mapping of services, networks and volumes' }];
  return [...misfitsOf(project, PROJECT, '')];
}

function* misfitsOf(given: unknown, shape: KeyShape, path: string): Generator<Misfit> {
  const value = withoutOverride(given);
  if (shape === ANYTHING || value === null || value === undefined || value === RESET) return;
  if (Array.isArray(value)) {
    if (shape.list === undefined) yield { path, message: wantedOf(shape) };
    else for (const [index, item] of value.entries()) yield* misfitsOf(item, shape.list, `${path}.${index}`);
  } else if (isMapping(value)) {
    if (shape.keys === undefined && shape.values === undefined) yield { path, message: wantedOf(shape) };
    for (const [key, item] of Object.entries(value)) {
      const at = path === '' ? key : `${path}.${key}`;
      if (shape.values !== undefined) yield* misfitsOf(item, shape.values, at);
      else if (shape.keys !== undefined && !key.startsWith('x-')) {
        const inner = Object.hasOwn(shape.keys, key) ? shape.keys[key] : undefined;
        if (inner === undefined) yield { path, message: unknownKey(key, Object.keys(shape.keys)) };
        else yield* misfitsOf(item, inner, at);
      }
    }
  } else if (shape.scalar !== true) {
    yield { path, message: wantedOf(shape) };
  }
}

function wantedOf({ scalar, list, keys, values }: KeyShape): string {
  const wanted = [
    ...(scalar === undefined ? [] : ['text']),
    ...(list === undefined ? [] : ['a list']),
    ...(keys === undefined && values === undefined ? [] : ['a mapping']),
  ];
  return `must be ${wanted.join(' or ')}`;
}

function unknownKey(key: string, known: readonly string[]): string {
  const nearest = closest(key.toLowerCase(), [...known]);
  const isNear = distance(key.toLowerCase(), nearest) <= Math.max(1, Math.floor(key.length / 3));
  const advice = isNear ? `did you mean ${quote(nearest)}?` : "keys of your own begin with 'x-'";
  return `has the key ${quote(key)}, which Compose does not know: ${advice}`;
}
