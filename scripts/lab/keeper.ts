/** Waits until the process that started it is gone, however it went, and then undoes its run: `keeper.ts FOLDER`. */
import { undoRun } from './lab-run.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('keeper.ts needs the folder of a run.');
// A Ctrl-C in the owner's terminal must not end the one that cleans up after it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.stdin.resume();
process.stdin.on('close', () => {
  undoRun(folder).catch(() => {
    // Nobody reads a keeper's output; the next lab on this machine tries again.
    process.exitCode = 1;
  });
});
