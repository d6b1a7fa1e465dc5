import type { Command } from 'commander';
import { createRootCommand } from '../root-command.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { addAgentCommand } from './command.ts';

/** The program with `nexus agent` alone: an agent has no use for what the other commands load. */
export function createAgentProgram(terminal: Terminal): Command {
  const program = createRootCommand(terminal);
  addAgentCommand(program, terminal);
  return program;
}
