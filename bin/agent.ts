/** What `nexus agent` runs in the executable, where an agent loads nothing that only the other commands need. */
import { createAgentProgram } from '../src/cli/agent/program.ts';
import { runProcess, runProgram } from '../src/cli/run-program.ts';
import { processTerminal } from '../src/cli/terminal/terminal.ts';

/**
 * Bytes of the slabs that Node cuts small buffers from. A slab that is being cut when young objects are collected soon counts as
 * old, and old objects are collected only once there are tens of megabytes of them. With Node's own 64 KiB, the few buffers of
 * each tick left 30 KB behind.
 */
Buffer.poolSize = 8_192;

void runProcess(processTerminal(), (args, terminal) => runProgram(createAgentProgram(terminal), args, terminal));
