import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { runCli } from '../../src/cli/run-cli.ts';
import { type FakeAnswer, type FakeApi, type SeenRequest, startFakeApi } from '../client/fake-api.ts';
import { type MemoryTerminal, memoryTerminal } from './memory-terminal.ts';

/** Answers by 'METHOD path' without the query, of which every route of a test may be called any number of times. */
export type Routes = Readonly<Record<string, FakeAnswer | ((request: SeenRequest) => FakeAnswer)>>;

export interface Ran {
  readonly code: number;
  readonly terminal: MemoryTerminal;
}

export interface Operated {
  readonly api: FakeApi;
  readonly data: string;
  /** Runs a command against the API: in a pipe, or on a terminal of so many columns. */
  run(args: readonly string[], columns?: number): Promise<Ran>;
}

const NOT_FOUND: FakeAnswer = {
  status: 404,
  body: { type: 'about:blank', title: 'Not Found', status: 404, detail: 'there is nothing at this path' },
};

function routed(routes: Routes, request: SeenRequest): FakeAnswer {
  const path = decodeURIComponent(request.path.split('?', 1)[0] ?? '');
  const route = routes[`${request.method} ${path}`] ?? NOT_FOUND;
  return typeof route === 'function' ? route(request) : route;
}

/** An API of these routes on the socket of a data directory of its own, gone after the test. */
export async function operate(test: TestContext, routes: Routes): Promise<Operated> {
  const data = mkdtempSync(join(tmpdir(), 'nexus-cli-'));
  const api = await startFakeApi((request) => routed(routes, request), join(data, 'nexus.sock'));
  test.after(async () => {
    await api.close();
    rmSync(data, { recursive: true, force: true });
  });
  return {
    api,
    data,
    run: async (args, columns) => {
      const terminal = memoryTerminal({ env: { NEXUS_DATA: data }, ...(columns === undefined ? {} : { columns }) });
      return { code: await runCli(args, terminal), terminal };
    },
  };
}
