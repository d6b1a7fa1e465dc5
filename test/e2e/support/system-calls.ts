/** What a process asked of the kernel, in order, as strace writes it down. */
import { readFileSync } from 'node:fs';

const TRACED = 'read,write,writev,sendmsg,sendto,pwrite64,fsync,fdatasync';
/** Enough of every buffer to recognize the first line of an HTTP message. */
const SHOWN_BYTES = 64;

export interface SystemCall {
  readonly name: string;
  /** Path of the file, or `socket:[inode]`. */
  readonly target: string;
  /** Of the descriptor within the process. */
  readonly descriptor: number;
  /** The rest of the arguments as strace shows them. */
  readonly shown: string;
  readonly result: number;
}

/** Words to put before a command so that its calls are written to `file`; the process keeps its id and its parent. */
export function straceInto(file: string): string[] {
  return ['strace', '-D', '-f', '-y', '-s', String(SHOWN_BYTES), '-e', `trace=${TRACED}`, '-o', file];
}

/** Words to put before a command: of the fdatasync calls of each of its threads, `count` from the `first` on fail. */
export function failingSyncs(first: number, count: number): string[] {
  const fault = `inject=fdatasync:error=EIO:when=${first}..${first + count - 1}`;
  return ['strace', '-D', '-f', '-e', 'trace=fdatasync', '-e', fault, '-o', '/dev/null'];
}

const LINE = /^(\d+) +(.*)$/;
const RESUMED = /^<\.\.\. \w+ resumed>(.*)$/;
const CALL = /^(\w+)\((\d+)<([^>]*)>(.*?)\) += (-?\d+)/;

/** Whether the tracer has written the end of the process down. */
export function isTraceComplete(file: string, pid: number): boolean {
  return new RegExp(`^${pid} +\\+\\+\\+ exited`, 'm').test(readFileSync(file, 'utf8'));
}

/** The calls of one thread, each at the moment when it returned. */
export function readSystemCalls(file: string, thread: number): SystemCall[] {
  const calls: SystemCall[] = [];
  let unfinished = '';
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [, id, text = ''] = LINE.exec(line) ?? [];
    if (Number(id) !== thread) continue;
    if (text.endsWith('<unfinished ...>')) {
      unfinished = text.slice(0, -'<unfinished ...>'.length);
      continue;
    }
    const rest = RESUMED.exec(text)?.[1];
    const match = CALL.exec(rest === undefined ? text : `${unfinished.trimEnd()}${rest}`);
    if (match === null) continue;
    const [, name = '', descriptor, target = '', shown = '', result] = match;
    calls.push({ name, target, descriptor: Number(descriptor), shown, result: Number(result) });
  }
  return calls;
}
