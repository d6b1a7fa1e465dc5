/** What `nexus agent` runs in the executable, where an agent loads nothing that only the other commands need. */
import { createAgentProgram } from '../src/cli/agent/program.ts';
import { runProcess, runProgram } from '../src/cli/run-program.ts';
import { processTerminal } from '../src/cli/terminal/terminal.ts';

void runProcess(processTerminal(), (args, terminal) => runProgram(createAgentProgram(terminal), args, terminal));
