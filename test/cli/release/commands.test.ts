import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import type { ReleaseBody } from '../../../src/wire/release.ts';
import {
  olderRelease,
  SENT_MANIFEST,
  SHOP_1_5,
  sampleQuarantine,
  sampleRelease,
} from '../../client/sample-rollouts.ts';
import { operate, type Routes } from '../run-against.ts';

const COMPOSE = 'services: {front: {image: nginx}}';
const QUARANTINED = sampleRelease({ quarantine: sampleQuarantine() });

function listing(...releases: ReleaseBody[]): Routes {
  return { 'GET /v1/releases': { body: { releases, next_cursor: null } } };
}

const CREATE = ['release', 'create', '--stack', 'shop', '--version', '1.5'];

describe('release create', () => {
  it('sends the manifest and puts the digest alone on stdout', async (t) => {
    const { api, data, run } = await operate(t, {
      ...listing(olderRelease()),
      'POST /v1/releases': { status: 201, body: sampleRelease() },
    });
    writeFileSync(join(data, 'compose.yaml'), COMPOSE);
    writeFileSync(join(data, 'a.conf'), 'x');
    const { code, terminal } = await run([
      ...CREATE,
      ...['--compose', join(data, 'compose.yaml'), '--file', 'a.conf', '--soak', '90s', '--telemetry', 'required'],
      ...[
        '--probe-http',
        'front=http://h/',
        '--observe',
        'front',
        '--on-failure',
        'halt',
        '--on-drift',
        'heal',
        '--max-restarts',
        '0',
      ],
    ]);
    assert.deepEqual([code, terminal.out()], [0, `${SHOP_1_5}\n`]);
    assert.equal(
      terminal.err(),
      'Added shop 1.5 (9ad49925e0e3).\nTo see what a rollout would do: nexus rollout plan 9ad49925e0e3 --selector KEY=VALUE --waves 1,100%\n',
    );
    assert.deepEqual(api.seen.find((request) => request.method === 'POST')?.body, {
      kind: 'nexus.release/1',
      stack: 'shop',
      version: '1.5',
      compose: COMPOSE,
      files: { 'a.conf': 'x' },
      probes: [{ name: 'front', mode: 'observe', interval_seconds: 5, timeout_seconds: 3, http: { url: 'http://h/' } }],
      policy: {
        activation_timeout_seconds: 600,
        soak_seconds: 90,
        sustained_failure_seconds: 15,
        on_health_failure: 'halt',
        max_restarts: 0,
        on_drift: 'heal',
        telemetry: 'required',
        telemetry_limits: {
          max_restarts: 0,
          max_memory_growth_mb_per_minute: 16,
          max_cpu_ratio: 3,
          min_cpu_percent: 25,
        },
      },
    });
  });

  it('says when the release is known, quarantined, or named like another one', async (t) => {
    const { data, run } = await operate(t, {
      ...listing(QUARANTINED, { ...olderRelease(), version: '1.5' }),
      'POST /v1/releases': { body: QUARANTINED },
    });
    writeFileSync(join(data, 'm.json'), JSON.stringify(SENT_MANIFEST));
    const { terminal } = await run(['release', 'create', '--manifest', join(data, 'm.json')]);
    assert.equal(terminal.out(), `${SHOP_1_5}\n`);
    assert.match(terminal.err(), /^shop 1\.5 \(9ad49925e0e3\) exists already, and nothing has changed\./);
    assert.match(terminal.err(), /^Another release has the same name: shop 1\.5 \(4f2a9c01b7de\)\. Use digests/m);
    assert.match(terminal.err(), /^It is quarantined.*nexus release show 9ad49925e0e3$/m);
  });

  it('sends a whole manifest as it is', async (t) => {
    const { api, data, run } = await operate(t, { 'POST /v1/releases': { status: 201, body: sampleRelease() } });
    writeFileSync(join(data, 'm.json'), JSON.stringify(SENT_MANIFEST));
    const { terminal } = await run(['release', 'create', '--manifest', join(data, 'm.json'), '--json']);
    assert.deepEqual(JSON.parse(terminal.out()), sampleRelease());
    assert.equal(terminal.err(), '');
    assert.deepEqual(
      api.seen.map((request) => request.body),
      [SENT_MANIFEST],
    );
  });

  it('reads the compose file from a pipe', async (t) => {
    const { api, data } = await operate(t, { 'POST /v1/releases': { status: 201, body: sampleRelease() } });
    const entry = resolve(import.meta.dirname, '../../../bin/nexus.ts');
    await new Promise<void>((done, failed) => {
      const args = [entry, ...CREATE, '--compose', '-', '--json', '--data', data];
      const child = execFile(process.execPath, args, { env: {} }, (error) => (error ? failed(error) : done()));
      child.stdin?.end(COMPOSE);
    });
    const body = api.seen[0]?.body;
    assert.ok(typeof body === 'object' && body !== null && 'compose' in body);
    assert.equal(body.compose, COMPOSE);
  });

  it('shows which rule the server found broken', async (t) => {
    const errors = [{ path: 'compose', message: "must have at least one service under 'services'" }];
    const { data, run } = await operate(t, {
      ...listing(),
      'POST /v1/releases': {
        status: 422,
        body: { type: 'about:blank', title: 'x', status: 422, detail: 'the request is not valid', errors },
      },
    });
    writeFileSync(join(data, 'compose.yaml'), COMPOSE);
    const { code, terminal } = await run([...CREATE, '--compose', join(data, 'compose.yaml')]);
    assert.deepEqual(
      [code, terminal.out(), terminal.err()],
      [1, '', "error: the request is not valid:\n  compose must have at least one service under 'services'\n"],
    );
  });

  it('shows which rule of its own is broken, without asking anybody', async (t) => {
    const { api, data, run } = await operate(t, {});
    writeFileSync(join(data, 'compose.yaml'), COMPOSE);
    const args = ['release', 'create', '--stack', 'Shop', '--version', '1', '--compose', join(data, 'compose.yaml')];
    const { code, terminal } = await run(args);
    assert.equal(code, 2);
    assert.match(terminal.err(), /^ {2}stack must be a Compose project name/m);
    assert.equal(api.seen.length, 0);
  });
});

describe('release list', () => {
  it('shows what is quarantined', async (t) => {
    const { run } = await operate(t, listing(QUARANTINED, olderRelease()));
    assert.equal(
      (await run(['release', 'list'])).terminal.out(),
      [
        'STACK  VERSION  DIGEST        STATE        ADDED',
        'shop   1.5      9ad49925e0e3  quarantined  2026-05-01T11:50:00.000Z',
        'shop   1.4      4f2a9c01b7de  ready        2026-04-30T12:00:00.000Z',
        '',
      ].join('\n'),
    );
    assert.match((await run(['release', 'ls'], 100)).terminal.out(), /10 min ago/);
  });

  it('says what to do when there are none', async (t) => {
    const { run } = await operate(t, listing());
    const { code, terminal } = await run(['release', 'list']);
    assert.deepEqual([code, terminal.out()], [0, '']);
    assert.match(terminal.err(), /nexus release create --stack/);
  });
});

describe('release show', () => {
  const routes = { ...listing(QUARANTINED, olderRelease()), [`GET /v1/releases/${SHOP_1_5}`]: { body: SENT_MANIFEST } };

  it('says how the release is judged, what stands against it and what runs', async (t) => {
    const { run } = await operate(t, routes);
    const { code, terminal } = await run(['release', 'show', 'shop@1.5']);
    assert.equal(code, 0, terminal.err());
    assert.equal(
      terminal.out(),
      `shop 1.5 (9ad49925e0e3)  quarantined
  Digest      ${SHOP_1_5}
  Added       2026-05-01T11:50:00.000Z
  Activation  at most 10 min
  Soak        1 min 30 s
  Fails       when an enforced probe fails for 15 s
  On failure  rolls the host back and halts
  Lost hosts  stall the rollout until they are back
  Telemetry   judged: at most 2 restarts, memory growing by 16 MiB/min, 3 × the usual CPU above 25% of a core, unhealthy for 23 s
  Probes      front (enforce): http http://127.0.0.1:8080/health, status below 400, every 5 s, timeout 3 s

Quarantined 2026-05-01T11:58:00.000Z: probe 'front' failed on web-1 in rollout ro_1.
  Its last output:
    front: HTTP 502
    upstream is gone
  To lift the quarantine once you know why: nexus release lift 9ad49925e0e3 --reason TEXT

Compose:
    services:
      front:
        image: nginx:1.27
`,
    );
  });

  it('prints the manifest as it was sent with --json', async (t) => {
    const { run } = await operate(t, routes);
    const { terminal } = await run(['release', 'show', '9ad499', '--json']);
    assert.deepEqual(JSON.parse(terminal.out()), SENT_MANIFEST);
  });

  it('exits 1 for a release that is not there', async (t) => {
    const { run } = await operate(t, listing());
    const { code, terminal } = await run(['release', 'show', 'abcdef']);
    assert.equal(code, 1);
    assert.match(terminal.err(), /no release 'abcdef'.*nexus release list/);
  });
});

describe('release remove', () => {
  const routes = { ...listing(sampleRelease()), [`DELETE /v1/releases/${SHOP_1_5}`]: { body: sampleRelease() } };

  it('says which name is free again', async (t) => {
    const { run } = await operate(t, routes);
    const { code, terminal } = await run(['release', 'remove', 'shop@1.5']);
    assert.deepEqual(
      [code, terminal.out()],
      [0, 'Removed shop 1.5 (9ad49925e0e3). The name shop@1.5 is free again.\n'],
    );
  });

  it('prints the release with --json', async (t) => {
    const { run } = await operate(t, routes);
    const { terminal } = await run(['release', 'rm', '9ad49925', '--json']);
    assert.deepEqual(JSON.parse(terminal.out()), sampleRelease());
  });
});

describe('release lift', () => {
  const routes = { ...listing(QUARANTINED), [`POST /v1/releases/${SHOP_1_5}/lift`]: { body: { lifted: 1 } } };

  it('sends the reason', async (t) => {
    const { api, run } = await operate(t, routes);
    const { code, terminal } = await run(['release', 'lift', '9ad49925', '--reason', 'it was the proxy']);
    assert.equal(code, 0);
    assert.deepEqual(api.seen.at(-1)?.body, { reason: 'it was the proxy' });
    assert.match(
      terminal.out(),
      /^Lifted the quarantine of shop 1\.5 \(9ad49925e0e3\)\. It may be dispatched again\.$/m,
    );
  });

  it('prints the answer with --json', async (t) => {
    const { run } = await operate(t, routes);
    const { terminal } = await run(['release', 'lift', 'shop@1.5', '--reason', 'x', '--json']);
    assert.deepEqual(JSON.parse(terminal.out()), { lifted: 1 });
  });

  it('wants a reason', async (t) => {
    const { run } = await operate(t, routes);
    assert.equal((await run(['release', 'lift', 'shop@1.5'])).code, 2);
  });
});
