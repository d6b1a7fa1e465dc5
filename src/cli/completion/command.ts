import { Argument, type Command } from 'commander';
import { addExamples } from '../operator/examples.ts';
import { printLine, type Terminal } from '../terminal/terminal.ts';
import { completionScript, SHELLS, type Shell } from './script.ts';

export function addCompletionCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(SHELLS))
    .action((shell: Shell) => printLine(terminal, completionScript(shell)));
  addExamples(command, [
    ['source <(nexus completion bash)', 'In this bash'],
    ['nexus completion bash > ~/.local/share/bash-completion/completions/nexus', 'In every bash from now on'],
    ['nexus completion zsh > ~/.zfunc/_nexus', 'In every zsh whose fpath has ~/.zfunc'],
    ['nexus completion fish > ~/.config/fish/completions/nexus.fish', 'In every fish'],
  ]);
}
