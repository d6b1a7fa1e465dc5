/** The program: what `dist/nexus` is built from, and what `node bin/nexus.ts` runs straight from the sources. */
import { isMainThread } from 'node:worker_threads';

async function runCommandLine(): Promise<void> {
  const [{ runProcess }, { processTerminal }] = await Promise.all([
    import('../src/cli/run-cli.ts'),
    import('../src/cli/terminal/terminal.ts'),
  ]);
  await runProcess(processTerminal());
}

// The executable has but this one script, so its threads begin here as well.
void (isMainThread ? runCommandLine() : import('../src/intake/reader-thread.ts'));
