import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { imageCell, renderContainers } from '../../../src/cli/host/container-table.ts';
import { renderHostPage, renderHosts } from '../../../src/cli/host/page.ts';
import { type Column, renderTable } from '../../../src/cli/terminal/table.ts';
import { pendingHost, sampleContainer, sampleHost } from '../../client/sample-answers.ts';
import { memoryTerminal } from '../memory-terminal.ts';

interface Row {
  readonly name: string;
  readonly size: string;
}
const COLUMNS: Array<Column<Row>> = [
  { title: 'NAME', cell: (row) => row.name, shrinks: true },
  { title: 'SIZE', cell: (row) => row.size, align: 'right' },
  { title: 'EXTRA', cell: () => 'twelve chars', dropOrder: 1 },
];
const ROWS: Row[] = [
  { name: 'a', size: '1' },
  { name: 'a-rather-long-name-of-thirty-ch', size: '1000' },
];

async function plain(work: Promise<string>): Promise<string> {
  return stripVTControlCharacters(await work);
}

describe('a table', () => {
  it('is aligned, and whole in a pipe', async () => {
    assert.equal(
      await plain(renderTable(memoryTerminal(), COLUMNS, ROWS)),
      [
        'NAME                             SIZE  EXTRA',
        'a                                   1  twelve chars',
        'a-rather-long-name-of-thirty-ch  1000  twelve chars',
      ].join('\n'),
    );
  });

  it('cuts a column short to fit into a terminal', async () => {
    assert.equal(
      await plain(renderTable(memoryTerminal({ columns: 42 }), COLUMNS, ROWS)),
      [
        'NAME                    SIZE  EXTRA',
        'a                          1  twelve chars',
        'a-rather-long-name-of…  1000  twelve chars',
      ].join('\n'),
    );
  });

  it('leaves a column out where cutting is not enough', async () => {
    const rows = [{ name: 'a', size: 'as wide as the terminal is' }];
    assert.equal(
      await plain(renderTable(memoryTerminal({ columns: 40 }), COLUMNS, rows)),
      ['NAME                        SIZE', 'a     as wide as the terminal is'].join('\n'),
    );
  });
});

describe('the hosts', () => {
  it('show exact times in a pipe', async () => {
    assert.equal(
      await plain(renderHosts(memoryTerminal(), [sampleHost(), pendingHost('web-2')])),
      [
        'HOST   STATUS     CPU  LOAD             MEMORY             DISK  CONTAINERS  AGENT  LAST SEEN                 LABELS',
        'web-1  online   12.3%  0.50  1.0 GiB / 4.0 GiB  10 GiB / 40 GiB           1  1.0.0  2026-05-01T11:59:48.000Z  role=web',
        'web-2  pending      –     –                  –                –           0  –      never',
      ].join('\n'),
    );
  });

  it('show how long ago on a terminal', async () => {
    assert.match(await plain(renderHosts(memoryTerminal({ columns: 120 }), [sampleHost()])), /12 s ago/);
  });
});

describe('the containers', () => {
  it('show what they are and do, by name', async () => {
    const containers = [
      sampleContainer(),
      sampleContainer({
        name: 'cache',
        image: 'redis',
        image_tag: null,
        state: 'exited',
        health_status: null,
        ports: [],
        metrics: { ...sampleContainer().metrics, cpu_percent: null, memory_usage_mb: null, memory_percent: null },
      }),
    ];
    assert.equal(
      await plain(renderContainers(memoryTerminal({ columns: 200 }), containers)),
      [
        'CONTAINER  IMAGE                      STATE               CPU             MEMORY  MEM %     NET IN/OUT  BLOCK READ/WRITE  STARTED  PORTS',
        'cache      redis                      exited                –        – / 512 MiB      –  1.0 KiB / 0 B                 –  1 h ago',
        'shop-web   registry.example/shop:1.4  running (healthy)  150%  256 MiB / 512 MiB  50.0%  1.0 KiB / 0 B                 –  1 h ago  0.0.0.0:80->8080/tcp',
      ].join('\n'),
    );
  });

  const images: Array<[string, string | null, string]> = [
    ['nginx', '1.27', 'nginx:1.27'],
    ['nginx:1.27', '1.27', 'nginx:1.27'],
    ['nginx', null, 'nginx'],
    ['nginx', `sha256:${'ab'.repeat(32)}`, 'nginx@sha256:abababababab'],
  ];
  for (const [image, image_tag, shown] of images) {
    it(`call an image ${shown}`, () => assert.equal(imageCell({ image, image_tag }), shown));
  }

  it('cannot write to the terminal through their names', async () => {
    const table = await renderContainers(memoryTerminal({ columns: 200 }), [
      sampleContainer({ name: 'x\u001b]0;owned\u0007' }),
    ]);
    assert.ok(!table.includes('\u001b]0;'));
    assert.ok(table.includes('\ufffd]0;owned\ufffd'));
  });
});

describe('the page of a host', () => {
  it('says what the host is, how it does and what runs there', async () => {
    const page = await plain(
      renderHostPage(memoryTerminal(), sampleHost({ clock_skew_ms: -90_000 }), [], [sampleContainer()]),
    );
    assert.deepEqual(page.split('\n').slice(0, 14), [
      'web-1  online',
      '  Last seen      2026-05-01T11:59:48.000Z',
      '  System         Debian GNU/Linux 12, Docker 26.1.5, 4 CPUs',
      '  Agent          1.0.0, with Docker Compose 2.40.0',
      '  Capabilities   rollouts',
      '  CPU            12.3%, load 0.50',
      '  Memory         1.0 GiB / 4.0 GiB (25.0%)',
      '  Disk           10 GiB / 40 GiB (25.0%)',
      '  Network        2.0 KiB in, 512 B out',
      "  Clock          1 min 30 s behind the server's: check the host's time synchronization",
      '  Labels         role=web',
      '  Offline after  2 min of silence',
      '  Added          2026-04-01T12:00:00.000Z',
      '',
    ]);
    assert.match(page, /^shop-web /m);
  });

  it('of a host that never reported says so', async () => {
    const page = await plain(renderHostPage(memoryTerminal(), pendingHost('web-2'), [], []));
    assert.match(page, /Last seen {6}never \(its agent has not reported yet\)/);
    assert.doesNotMatch(page, /CPU|CONTAINER/);
  });
});
