import { NexusError } from '../../domain/errors.ts';
import type { CreateRolloutBody } from '../../wire/rollout.ts';

type Wave = NonNullable<CreateRolloutBody['waves']>[number];

function badWaves(text: string, reason: string): NexusError {
  return new NexusError(
    'usage',
    `--waves is '${text}', ${reason}: write counts of hosts, or the percentage of all of them that is reached by then, like 1,25%,100%.`,
  );
}

function readWave(part: string): Wave | undefined {
  if (/^\d{1,9}$/.test(part) && Number(part) > 0) return { count: Number(part) };
  const percent = Number(/^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(part)?.[1] ?? 0);
  return percent > 0 && percent <= 100 ? { percent } : undefined;
}

/** `1,25%,100%`: the waves in their order; whether they fit the hosts is for the server to say. Throws `usage`. */
export function readWaves(text: string): Wave[] {
  return text.split(',').map((part) => {
    const wave = readWave(part.trim());
    if (wave === undefined) throw badWaves(text, `where '${part.trim()}' is neither a count nor a percentage`);
    return wave;
  });
}
