import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { findForgottenMounts } from '../../src/http/forgotten-mounts.ts';

/** One service 'web' with these volumes in each Compose file, and what is found to be forgotten. */
const ROWS: readonly [
  what: string,
  files: readonly string[],
  volumes: readonly string[],
  forgotten: readonly string[],
][] = [
  ['a file that is not shipped', [], ['["./app.conf:/app.conf:ro"]'], ['./app.conf']],
  ['a file that is shipped', ['app.conf'], ['["./app.conf:/app.conf:ro"]'], []],
  ['a folder with shipped files', ['conf/a'], ['["./conf:/conf:ro"]'], []],
  ['a file of another name', ['app.conf.sample'], ['["./app.conf:/app.conf:ro"]'], ['./app.conf']],
  ['data, which is writable', [], ['["./data:/data"]'], []],
  ['data that another service reads', [], ['["./certs:/certs:ro", "./certs:/etc/certs"]'], []],
  ['a part of data that is written', [], ['["./certs/live:/certs:ro", "./certs:/etc/certs"]'], []],
  ['a path of the host', [], ['["/etc/hosts:/hosts:ro", "~/x:/x:ro"]'], []],
  ['a named volume', [], ['["data:/data:ro"]'], []],
  ['options beside ro', [], ['["./app.conf:/app.conf:ro,z"]'], ['./app.conf']],
  ['a folder above', [], ['["../certs:/certs:ro"]'], ['../certs']],
  ['the folder itself', [], ['[".:/app:ro"]'], ['.']],
  ['the folder itself, with files', ['a'], ['[".:/app:ro"]'], []],
  ['a variable', [], [`["\${CONF:-./app.conf}:/app.conf:ro"]`], []],
  ['a variable that may lead to the same', [], [`["\${DATA:-./x}:/data", "./x:/x:ro"]`], []],
  ['the long form', [], ['[{type: bind, source: ./a, target: /a, read_only: true}]'], ['./a']],
  ['the long form, writable', [], ['[{type: bind, source: ./a, target: /a}]'], []],
  [
    'the long form, which is not to be made',
    [],
    ['[{type: bind, source: ./a, target: /a, bind: {create_host_path: false}}]'],
    ['./a'],
  ],
  ['replaced by a later file', [], ['["./a:/conf:ro"]', '["./b:/conf"]'], []],
  ['added by a later file', [], ['["./b:/b"]', '["./a:/a:ro"]'], ['./a']],
];

for (const [what, files, volumes, forgotten] of ROWS) {
  test(what, () => {
    const projects = volumes.map((list) => ({ services: { web: { volumes: parse(list) as unknown } } }));
    const found = findForgottenMounts(projects, files);
    assert.deepEqual(
      found.map(({ service, source }) => `${service} ${source}`),
      forgotten.map((source) => `web ${source}`),
    );
  });
}
