/** The program: what `dist/nexus` is built from, and what `node bin/nexus.ts` runs straight from the sources. */
import { writeSync } from 'node:fs';
import { NEXUS_VERSION } from '../src/domain/version.ts';

const STDOUT = 1;

async function runCommandLine(): Promise<void> {
  const [{ runCli }, { runProcess }, { processTerminal }] = await Promise.all([
    import('../src/cli/run-cli.ts'),
    import('../src/cli/run-program.ts'),
    import('../src/cli/terminal/terminal.ts'),
  ]);
  await runProcess(processTerminal(), runCli);
}

const [word, ...words] = process.argv.slice(2);
// Scripts ask for the version often, and loading all commands takes longer than anything else about it.
if (words.length === 0 && (word === '--version' || word === '-V')) writeSync(STDOUT, `${NEXUS_VERSION}\n`);
else void runCommandLine();
