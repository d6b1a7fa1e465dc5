import { Argument, type Command } from 'commander';
import { addExamples } from '../operator/examples.ts';
import { printLine, type Terminal } from '../terminal/terminal.ts';
import { completionScript, SHELLS, type Shell } from './script.ts';

export function addCompletionCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('completion')
    .description('print the completion script for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell: Shell) => printLine(terminal, completionScript(shell)));
  addExamples(command, [
    ['source <(nexus completion bash)', 'Complete in this bash'],
    ['nexus completion bash > ~/.local/share/bash-completion/completions/nexus', 'Complete in every new bash'],
    ['nexus completion zsh > ~/.zfunc/_nexus', 'Complete in every new zsh whose fpath contains ~/.zfunc'],
    ['nexus completion fish > ~/.config/fish/completions/nexus.fish', 'Complete in every new fish'],
  ]);
}
