/**
 * Compose projects as people have them, and what becomes of each. The command line is held to these rows without Docker,
 * and test/e2e/compose-files.test.ts asks Docker Compose itself about the same ones.
 */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are Compose's variables
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ReleaseFileBody } from '../../../src/wire/release.ts';

type GivenFile = string | Uint8Array | { readonly text: string; readonly mode: number } | { readonly link: string };

interface ProjectRow {
  readonly what: string;
  /** By relative path; the project is in `app/`, what is beside it is outside of the release. */
  readonly files: Readonly<Record<string, GivenFile>>;
  /** Values of `--compose`, below `app/`; default `compose.yaml`. */
  readonly compose?: readonly string[];
  /** Values of `--file`. */
  readonly more?: readonly string[];
}

export interface TakenRow extends ProjectRow {
  readonly ships: Readonly<Record<string, ReleaseFileBody>>;
  readonly overrides?: readonly string[];
  readonly notes?: readonly RegExp[];
}

export interface RefusedRow extends ProjectRow {
  /** In the order of the errors: each is `path message`. */
  readonly errors: readonly RegExp[];
  /** What Docker Compose itself takes, and hosts could not run as it is meant. */
  readonly composeTakesIt?: true;
}

const WEB = 'image: shop/web:1';
const YAML = (service: string, top = ''): string => `services: {web: {${WEB}, ${service}}}\n${top}`;

export const TAKEN: readonly TakenRow[] = [
  { what: 'a file that needs nothing', files: { 'compose.yaml': `services: {web: {${WEB}}}\n` }, ships: {} },
  {
    what: 'a file that is mounted read-only',
    files: { 'compose.yaml': YAML('volumes: ["./web.conf:/web.conf:ro"]'), 'web.conf': 'listen 80\n' },
    ships: { 'web.conf': 'listen 80\n' },
  },
  {
    what: 'a file that is mounted writable, with a warning',
    files: { 'compose.yaml': YAML('volumes: ["./web.conf:/web.conf"]'), 'web.conf': 'listen 80\n' },
    ships: { 'web.conf': 'listen 80\n' },
    notes: [/^'\.\/web\.conf' \(services\.web\.volumes\) is writable and part of the release: what a container writes/],
  },
  {
    what: 'a mount in the long form, with a path that does not begin with a dot',
    files: {
      'compose.yaml': YAML('volumes: [{type: bind, source: conf/web.conf, target: /web.conf, read_only: true}]'),
      'conf/web.conf': 'x',
    },
    ships: { 'conf/web.conf': 'x' },
  },
  {
    what: 'a folder that is mounted read-only, whole, with binary files, programs and links within it',
    files: {
      'compose.yaml': YAML('volumes: ["./site:/site:ro,z"]'),
      'site/index.html': 'hello\n',
      'site/img/dot.gif': new Uint8Array([0x47, 0x49, 0x46, 0xff]),
      'site/run.sh': { text: '#!/bin/sh\n', mode: 0o755 },
      'site/start.html': { link: 'index.html' },
    },
    ships: {
      'site/img/dot.gif': { base64: 'R0lG/w==' },
      'site/index.html': 'hello\n',
      'site/run.sh': { text: '#!/bin/sh\n', mode: '0755' },
      'site/start.html': 'hello\n',
    },
  },
  {
    what: 'a secret that stays private, and modes that only a umask of 002 makes',
    files: {
      'compose.yaml': YAML(
        'secrets: [key], configs: [{source: conf, target: /c}]',
        'secrets: {key: {file: ./key}}\nconfigs: {conf: {file: conf}}\n',
      ),
      key: { text: 'hush', mode: 0o600 },
      conf: { text: 'c', mode: 0o664 },
    },
    ships: { key: { text: 'hush', mode: '0600' }, conf: 'c' },
    notes: [
      /^'\.\/key' \(secrets\.key\.file\) becomes part of the release, which every operator and every agent can read\./,
    ],
  },
  {
    what: 'what no service uses stays behind',
    files: {
      'compose.yaml': `services: {web: {${WEB}}, debug: {build: ., profiles: [debug], env_file: [gone.env]}}\nsecrets: {key: {file: ./gone}}\n`,
      '.env': 'OTHER=1\n',
    },
    ships: {},
  },
  {
    what: 'a folder that is mounted writable stays here, with a note',
    files: {
      'compose.yaml': YAML('volumes: ["./data:/data", "../shared:/shared", "./none:/none"]'),
      'data/orders.db': 'x',
    },
    ships: {},
    notes: [
      /^'\.\/data' \(services\.web\.volumes\) is writable, so each host has a folder of its own there.*--file data\.$/,
    ],
  },
  {
    what: 'a folder that another service fills stays on the hosts, whether it is here or not',
    files: {
      'compose.yaml':
        `services: {web: {${WEB}, volumes: ["./static:/s:ro", "./cache/img:/i:ro"]}, ` +
        'app: {image: app, volumes: ["./static:/s", "./cache:/c"]}}\n',
      'static/app.js': 'x',
    },
    ships: {},
    notes: [/^'\.\/static' \(services\.app\.volumes\) is writable/],
  },
  {
    what: 'a whole project that is mounted read-only, without its data',
    files: {
      'compose.yaml': YAML('volumes: [".:/app:ro", "./data:/app/data"]'),
      'app.js': 'a',
      'data/orders.db': 'x',
    },
    ships: { 'app.js': 'a', 'compose.yaml': YAML('volumes: [".:/app:ro", "./data:/app/data"]') },
    notes: [/^'\.\/data' \(services\.web\.volumes\) is writable/],
  },
  {
    what: 'a folder that is mounted writable is shipped when --file says so',
    files: { 'compose.yaml': YAML('volumes: ["./conf.d:/conf.d"]'), 'conf.d/a.conf': 'a', 'conf.d/b.conf': 'b' },
    more: ['conf.d/'],
    ships: { 'conf.d/a.conf': 'a', 'conf.d/b.conf': 'b' },
  },
  {
    what: 'paths of the host, named volumes and anonymous ones',
    files: {
      'compose.yaml': YAML(
        'volumes: ["/var/run/docker.sock:/s:ro", "~/x:/x:ro", "data:/d", "/anonymous", {type: tmpfs, target: /t}]',
        'volumes: {data: }\n',
      ),
    },
    ships: {},
  },
  {
    what: 'variables of .env in paths, images and environments',
    files: {
      'compose.yaml': `services: {web: {image: "shop/web:\${TAG:-1}", env_file: "\${STAGE}.env", volumes: ["\${CONF:-./conf}/a:/a:ro"]}}\n`,
      '.env': { text: 'STAGE=prod\n', mode: 0o600 },
      'prod.env': 'A=1\n',
      'conf/a': 'a',
    },
    ships: { '.env': { text: 'STAGE=prod\n', mode: '0600' }, 'conf/a': 'a', 'prod.env': 'A=1\n' },
  },
  {
    what: 'a variable that is passed on by its name alone',
    files: { 'compose.yaml': YAML('environment: [COLOUR]'), '.env': 'COLOUR=red\n' },
    ships: { '.env': 'COLOUR=red\n' },
  },
  {
    what: 'variables without a value, with a note',
    files: { 'compose.yaml': YAML('environment: {A: "$TAG", B: "${HOME}", C: "${NEXUS_HOST}", D: "$$x"}') },
    ships: {},
    notes: [/^1 variable of the Compose file has no value: 'TAG'\. A release takes variables from '\.env'/],
  },
  {
    what: 'files of variables, some of which may be missing',
    files: {
      'compose.yaml': YAML('env_file: [a.env, {path: gone.env, required: false}, {path: ./b.env}]'),
      'a.env': 'A=1\n',
      'b.env': 'B=1\n',
    },
    ships: { 'a.env': 'A=1\n', 'b.env': 'B=1\n' },
  },
  {
    what: 'an override beside a file of a usual name',
    files: {
      'compose.yaml': YAML('environment: {A: 1}'),
      'compose.override.yaml': 'services: {web: {volumes: ["./a:/a:ro"]}}\n',
      a: 'a',
    },
    ships: { 'compose.override.yaml': 'services: {web: {volumes: ["./a:/a:ro"]}}\n', a: 'a' },
    overrides: ['compose.override.yaml'],
    notes: [/^Merged 'compose\.override\.yaml' over the Compose file, as Compose does\.$/],
  },
  {
    what: 'an override that nobody asks for beside a file of another name',
    files: { 'prod.yaml': YAML('environment: {A: 1}'), 'compose.override.yaml': 'no: yaml: at all' },
    compose: ['prod.yaml'],
    ships: {},
  },
  {
    what: 'several files in their order, one of them from outside, with paths that start at the first',
    files: {
      'compose.yaml': YAML('volumes: ["./dev.conf:/etc/web.conf:ro"], build: .'),
      'eu/prod.yaml': 'services: {web: {volumes: ["./prod.conf:/etc/web.conf:ro"]}}\n',
      '../common.yaml': 'services: {web: {build: !reset null, env_file: a.env}}\n',
      'prod.conf': 'p',
      'a.env': 'A=1\n',
    },
    compose: ['compose.yaml', 'eu/prod.yaml', '../common.yaml'],
    ships: {
      'a.env': 'A=1\n',
      'common.yaml': 'services: {web: {build: !reset null, env_file: a.env}}\n',
      'eu/prod.yaml': 'services: {web: {volumes: ["./prod.conf:/etc/web.conf:ro"]}}\n',
      'prod.conf': 'p',
    },
    overrides: ['eu/prod.yaml', 'common.yaml'],
  },
  {
    what: 'what is included and extended, with paths that start where each file is',
    files: {
      'compose.yaml':
        'include: [parts/db.yaml, {path: [x/x.yaml, x/y.yaml], project_directory: ., env_file: x/x.env}]\n' +
        'services: {web: {extends: {file: parts/base.yaml, service: web}, depends_on: [db]}}\n',
      'parts/db.yaml': 'services: {db: {image: "shop/db:${TAG}", env_file: [db.env]}}\n',
      'parts/db.env': 'ROLE=db\n',
      'parts/.env': 'TAG=7\n',
      'parts/base.yaml':
        'services: {web: {extends: basis}, basis: {image: shop/web:1, volumes: ["./a:/a:ro"]}, no: {env_file: gone}}\n',
      'parts/a': 'a',
      'x/x.yaml': 'services: {x: {image: "x:${X}"}}\n',
      'x/y.yaml': 'services: {x: {volumes: ["./x/c:/c:ro"]}}\n',
      'x/x.env': 'X=1\n',
      'x/c': 'c',
    },
    ships: {
      'parts/.env': 'TAG=7\n',
      'parts/a': 'a',
      'parts/base.yaml':
        'services: {web: {extends: basis}, basis: {image: shop/web:1, volumes: ["./a:/a:ro"]}, no: {env_file: gone}}\n',
      'parts/db.env': 'ROLE=db\n',
      'parts/db.yaml': 'services: {db: {image: "shop/db:${TAG}", env_file: [db.env]}}\n',
      'x/c': 'c',
      'x/x.env': 'X=1\n',
      'x/x.yaml': 'services: {x: {image: "x:${X}"}}\n',
      'x/y.yaml': 'services: {x: {volumes: ["./x/c:/c:ro"]}}\n',
    },
  },
  {
    what: 'anchors, merge keys and keys of one’s own',
    files: {
      'compose.yaml':
        'x-base: &base {image: shop/web:1, volumes: ["./a:/a:ro"]}\nservices: {web: {<<: *base, x-note: {any: [1]}}}\n',
      a: 'a',
    },
    ships: { a: 'a' },
  },
  {
    what: 'every kind of value in its other form',
    files: {
      'compose.yaml': YAML(
        'command: [a, b], environment: [A=1], labels: {a: 1}, dns: 1.1.1.1, extra_hosts: {a: 1.1.1.1}, ' +
          'ports: [80, "81:81", {target: 82, published: 82}], ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}, ' +
          'networks: {default: {aliases: [w]}}, depends_on: {db: {condition: service_started}}, privileged: "true", ' +
          'healthcheck: {test: "exit 0", interval: 1s}, logging: {driver: local, options: {max-size: 1m}}, ' +
          'deploy: {replicas: 2, resources: {limits: {cpus: "1", memory: 1g}}}, init: true, sysctls: [a=1], tmpfs: /t',
        'networks: {default: {ipam: {config: [{subnet: 10.1.0.0/16}]}}}\n',
      ).replace('services: {', 'services: {db: {image: shop/db:1}, '),
    },
    ships: {},
  },
];

export const REFUSED: readonly RefusedRow[] = [
  {
    what: 'a key that is misspelt',
    files: { 'compose.yaml': 'services: {web: {imag: shop/web:1}}\n' },
    errors: [
      /^services\.web has the key 'imag', which Compose does not know: did you mean 'image'\?$/,
      /^services\.web has no 'image'$/,
    ],
  },
  {
    what: 'a key in the wrong place, and one of its own without x-',
    files: { 'compose.yaml': 'services: {web: {image: a, healthcheck: {tests: x}}}\nvolume: {}\ntraefik: {}\n' },
    errors: [
      /^services\.web\.healthcheck has the key 'tests'.*did you mean 'test'\?$/,
      /^the Compose file has the key 'volume'.*did you mean 'volumes'\?$/,
      /^the Compose file has the key 'traefik', which Compose does not know: keys of your own begin with 'x-'$/,
    ],
  },
  {
    what: 'values of another kind',
    files: { 'compose.yaml': 'services: {web: {image: [a], ports: {a: 1}, healthcheck: none, cap_add: NET_ADMIN}}\n' },
    errors: [
      /^services\.web\.image must be text$/,
      /^services\.web\.ports must be a list$/,
      /^services\.web\.healthcheck must be a mapping$/,
      /^services\.web\.cap_add must be a list$/,
    ],
  },
  {
    what: 'a service that is to be built',
    files: { 'compose.yaml': 'services: {web: {build: .}}\n', Dockerfile: 'FROM a' },
    errors: [/^services\.web is to be built \('build'\), but hosts do not build: .*push it to a registry.*'image'$/],
    composeTakesIt: true,
  },
  {
    what: 'a misspelt key in an override, with its file',
    files: { 'compose.yaml': YAML('init: true'), 'compose.override.yml': 'services: {web: {enviroment: {A: 1}}}\n' },
    errors: [/^compose\.override\.yml: services\.web has the key 'enviroment'.*did you mean 'environment'\?$/],
  },
  {
    what: 'a file that is forgotten',
    files: { 'compose.yaml': YAML('volumes: ["./web.conf:/web.conf:ro"], env_file: a.env') },
    errors: [
      /^services\.web\.env_file names 'a\.env', which does not exist$/,
      /^services\.web\.volumes names '\.\/web\.conf', which does not exist: every host would mount an empty folder instead$/,
    ],
  },
  {
    what: 'a file outside of the folder',
    files: { 'compose.yaml': YAML('volumes: ["../web.conf:/web.conf:ro"]'), '../web.conf': 'x' },
    errors: [
      /^services\.web\.volumes names '\.\.\/web\.conf', which is not in the folder of the Compose file: move it there/,
    ],
    composeTakesIt: true,
  },
  {
    what: 'a secret that is no file, and one that is missing',
    files: {
      'compose.yaml': YAML('secrets: [a, b]', 'secrets: {a: {file: folder}, b: {file: gone}}\n'),
      'folder/x': 'x',
    },
    errors: [
      /^secrets\.a\.file names 'folder', which is not a file$/,
      /^secrets\.b\.file names 'gone', which does not exist$/,
    ],
    composeTakesIt: true,
  },
  {
    what: 'names that nothing stands for',
    files: {
      'compose.yaml': YAML(
        'networks: [front], volumes: ["data:/d"], configs: [c], secrets: [s], depends_on: [db, {x: y}]',
      ).replace(', {x: y}', ''),
    },
    errors: [
      /^services\.web\.volumes names 'data', which is not among the volumes of the project$/,
      /^services\.web\.configs names 'c'/,
      /^services\.web\.secrets names 's'/,
      /^services\.web\.networks names 'front'/,
      /^services\.web\.depends_on names 'db', which is not among the services of the project$/,
    ],
  },
  {
    what: 'a dollar that is no variable',
    files: { 'compose.yaml': YAML('command: "echo ${1}"') },
    errors: [
      /^services\.web\.command has '\$\{' before what is not a variable: write '\$\$\{' for the characters themselves$/,
    ],
  },
  {
    what: 'an extended service that is not there',
    files: {
      'compose.yaml': 'services: {web: {extends: {file: b.yaml, service: web}}}\n',
      'b.yaml': 'services: {base: {image: a}}\n',
    },
    errors: [/^services\.web\.extends names the service 'web', which is not there in '.*b\.yaml'$/, /has no 'image'/],
  },
  {
    what: 'something that is included from elsewhere',
    files: { 'compose.yaml': `include: ["oci://registry.example.com/db"]\n${YAML('init: true')}` },
    errors: [/^include is 'oci:\/\/registry\.example\.com\/db', which every host would fetch for itself/],
  },
  {
    what: 'no service at all',
    files: { 'compose.yaml': 'volumes: {data: }\n' },
    errors: [/^the Compose file has no services$/],
    composeTakesIt: true,
  },
];

/** Writes the files of a row below `root`, and returns the paths of its Compose files. */
export function writeProject(root: string, { files, compose = ['compose.yaml'] }: ProjectRow): string[] {
  const app = path.join(root, 'app');
  for (const [name, given] of Object.entries(files)) {
    const file = path.join(app, name);
    mkdirSync(path.dirname(file), { recursive: true });
    if (typeof given === 'object' && 'link' in given) symlinkSync(given.link, file);
    else {
      const { text, mode } = typeof given === 'object' && 'mode' in given ? given : { text: given, mode: 0o644 };
      writeFileSync(file, text);
      // Whatever the umask is.
      chmodSync(file, mode);
    }
  }
  return compose.map((name) => path.join(app, name));
}
