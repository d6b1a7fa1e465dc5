import assert from 'node:assert/strict';
import { test } from 'node:test';
import { locateCgroup } from '../../../agent/kernel/locate-cgroup.ts';
import {
  memoryWithoutCache,
  parseBlkioServiceBytes,
  parseCpuacctUsage,
  parseCpuStat,
  parseInactiveFile,
  parseIoStat,
  parseMemoryLimit,
  parseMemoryUsage,
} from '../../../agent/kernel/parse-cgroup-counters.ts';
import { parseCgroupMounts } from '../../../agent/kernel/parse-mountinfo.ts';
import { parseProcessCgroups } from '../../../agent/kernel/parse-process-cgroups.ts';

const ID = '57d43002b7b57631cf39dcbc3d6fd497831997077d6e6e891f5ace41e1ac0ebc';

const V1_MOUNTS = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;
const V2_MOUNTS =
  '35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n';

test('/proc/self/mountinfo: the cgroup mounts, optional fields and escapes included', () => {
  const text = `${V2_MOUNTS}36 24 0:31 /a\\040b /mnt/with\\040space rw - cgroup cgroup rw,memory\nnonsense\n`;
  assert.deepEqual(parseCgroupMounts(text), [
    { controllers: null, root: '/', mountPoint: '/sys/fs/cgroup' },
    { controllers: new Set(['rw', 'memory']), root: '/a b', mountPoint: '/mnt/with space' },
  ]);
});

test('/proc/<pid>/cgroup of version 1, several controllers on one line', () => {
  assert.deepEqual(parseProcessCgroups('4:cpu,cpuacct:/docker/x\n2:name=systemd:/y:z\n0::/u\n'), {
    byController: new Map([
      ['cpu', '/docker/x'],
      ['cpuacct', '/docker/x'],
      ['name=systemd', '/y:z'],
    ]),
    unified: '/u',
  });
});

interface Row {
  readonly setup: string;
  readonly mounts: string;
  readonly membership: string;
  readonly found: ReturnType<typeof locateCgroup>;
}

const v1 = (path: string): string => `4:memory:${path}\n3:cpu,cpuacct:${path}\n2:blkio:${path}\n0::${path}\n`;
const v1At = (path: string): ReturnType<typeof locateCgroup> => ({
  version: 1,
  cpuacct: [`/sys/fs/cgroup/cpu,cpuacct${path}`],
  memory: [`/sys/fs/cgroup/memory${path}`],
  blkio: [`/sys/fs/cgroup/blkio${path}`],
});

const ROWS: Row[] = [
  { setup: 'v1, cgroupfs driver', mounts: V1_MOUNTS, membership: v1(`/docker/${ID}`), found: v1At(`/docker/${ID}`) },
  {
    setup: 'v1, custom parent',
    mounts: V1_MOUNTS,
    membership: v1(`/batch/night/${ID}`),
    found: v1At(`/batch/night/${ID}`),
  },
  {
    setup: 'v1, init system inside the container moved its first process down',
    mounts: V1_MOUNTS,
    membership: v1(`/docker/${ID}/init.scope`),
    found: v1At(`/docker/${ID}`),
  },
  {
    setup: 'v2, systemd driver',
    mounts: V2_MOUNTS,
    membership: `0::/system.slice/docker-${ID}.scope\n`,
    found: { version: 2, unified: [`/sys/fs/cgroup/system.slice/docker-${ID}.scope`] },
  },
  {
    setup: 'v2, rootless engine',
    mounts: V2_MOUNTS,
    membership: `0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope\n`,
    found: {
      version: 2,
      unified: [`/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope`],
    },
  },
  {
    setup: 'v2, agent in a private cgroup namespace with the host’s tree below /host, container in another slice',
    mounts: `${V2_MOUNTS}99 90 0:30 /../.. /host/sys/fs/cgroup ro - cgroup2 cgroup2 rw\n`,
    membership: `0::/../../batch.slice/docker-${ID}.scope\n`,
    found: { version: 2, unified: [`/host/sys/fs/cgroup/batch.slice/docker-${ID}.scope`] },
  },
  {
    setup: 'v2, only a part of the tree is mounted',
    mounts: '35 24 0:30 /docker /mnt/docker ro - cgroup2 cgroup2 rw\n',
    membership: `0::/docker/${ID}\n`,
    found: { version: 2, unified: [`/mnt/docker/${ID}`] },
  },
  {
    setup: 'v2, the same with the container beside the agent: the kernel does not name the way between them',
    mounts: `${V2_MOUNTS}99 90 0:30 /../.. /host/sys/fs/cgroup ro - cgroup2 cgroup2 rw\n`,
    membership: `0::/../docker-${ID}.scope\n`,
    found: null,
  },
  {
    setup: 'v2, agent in a private cgroup namespace with nothing of the host mounted',
    mounts: V2_MOUNTS,
    membership: `0::/../docker-${ID}.scope\n`,
    found: null,
  },
  {
    setup: 'a process of the same number that is not the container’s',
    mounts: V2_MOUNTS,
    membership: '0::/system.slice/ssh.service\n',
    found: null,
  },
  { setup: 'no cgroup mount at all', mounts: '', membership: v1(`/docker/${ID}`), found: null },
];
for (const { setup, mounts, membership, found } of ROWS) {
  test(`cgroup of a container: ${setup}`, () => {
    assert.deepEqual(locateCgroup(parseCgroupMounts(mounts), parseProcessCgroups(membership), ID), found);
  });
}

test('version 1 counters', () => {
  assert.equal(parseCpuacctUsage('62254160\n'), 62_254_160);
  assert.equal(parseMemoryUsage('770048\n'), 770_048);
  assert.equal(parseMemoryLimit('67108864\n'), 67_108_864);
  assert.equal(parseMemoryLimit('9223372036854771712\n'), 2 ** 63 - 4096);
  const stat = 'cache 0\ninactive_file 5\ntotal_cache 0\ntotal_inactive_file 4096\ntotal_active_file 0\n';
  assert.equal(parseInactiveFile(stat, 1), 4096);
  assert.deepEqual(
    parseBlkioServiceBytes('8:0 Read 4096\n8:0 Write 1024\n8:0 Sync 5120\n8:0 Total 5120\n7:1 Read 1\nTotal 5121\n'),
    { readBytes: 4097, writeBytes: 1024 },
  );
  assert.deepEqual(parseBlkioServiceBytes('Total 0\n'), { readBytes: 0, writeBytes: 0 });
});

test('version 2 counters', () => {
  assert.equal(parseCpuStat('usage_usec 62254\nuser_usec 40000\nsystem_usec 22254\n'), 62_254_000);
  assert.equal(parseInactiveFile('anon 1\nfile 2\ninactive_file 8192\nactive_file 3\n', 2), 8192);
  assert.equal(parseInactiveFile('inactive_file 7', 2), 7);
  assert.equal(parseMemoryLimit('max\n'), null);
  assert.deepEqual(
    parseIoStat('8:0 rbytes=4096 wbytes=1024 rios=1 wios=1 dbytes=0 dios=0\n252:0 rbytes=1 wbytes=2 rios=1 wios=1\n'),
    { readBytes: 4097, writeBytes: 1026 },
  );
  assert.deepEqual(parseIoStat(''), { readBytes: 0, writeBytes: 0 });
});

for (const text of ['', 'max', '-1', '12x', '1.5']) {
  test(`a counter file that says ${JSON.stringify(text)} is not read`, () => {
    assert.equal(parseCpuacctUsage(text), null);
    assert.equal(parseCpuStat(`usage_usec ${text}\n`), null);
  });
}

const CACHE_ROWS: [number, number | null, number][] = [
  [1000, 300, 700],
  [1000, 0, 1000],
  [1000, null, 1000],
  [1000, 1000, 1000],
  [1000, 2000, 1000],
];
for (const [usage, inactive, without] of CACHE_ROWS) {
  test(`memory of ${usage} with ${inactive} of droppable cache is ${without}`, () => {
    assert.equal(memoryWithoutCache(usage, inactive), without);
  });
}
