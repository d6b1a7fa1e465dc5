/** The program: what `dist/nexus` is built from, and what `node bin/nexus.ts` runs straight from the sources. */
import { runProcess } from '../src/cli/run-cli.ts';
import { processTerminal } from '../src/cli/terminal.ts';

void runProcess(processTerminal());
