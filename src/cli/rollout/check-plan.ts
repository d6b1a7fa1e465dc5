/** What stands in the way of a rollout, looked at before it is created. */
import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import { plural, quote, releaseName, shortDigest } from '../../domain/words.ts';
import { probesOf } from '../../explain/log-entry.ts';
import type { ReleaseBody } from '../../wire/release.ts';
import type { CreateRolloutBody, RolloutPlanBody } from '../../wire/rollout.ts';
import { printable } from '../terminal/printable.ts';
import { printNote, type Terminal } from '../terminal/terminal.ts';

type PlannedHost = RolloutPlanBody['waves'][number]['hosts'][number];
type Severity = PlannedHost['findings'][number]['severity'];

/** More are for `rollout plan` to show. */
const MAX_LINES = 10;
const MAX_NAMED_HOSTS = 3;

/**
 * Prints what the plan of the rollout finds. Throws `conflict` for a release that is quarantined, and, unless `insists`, for a
 * rollout that would end another one and could not begin itself.
 */
export async function checkPlan(
  terminal: Terminal,
  client: NexusClient,
  release: ReleaseBody,
  request: CreateRolloutBody,
  insists: boolean,
): Promise<void> {
  refuseQuarantined(release);
  const plan = await client.planRollout(request);
  const lines = describeFindings(plan);
  for (const line of lines.slice(0, MAX_LINES)) printNote(terminal, printable(line));
  if (lines.length > MAX_LINES) {
    const rest = plural(lines.length - MAX_LINES, 'further finding');
    printNote(terminal, `There are ${rest}. To show them: nexus rollout plan, with the same flags`);
  }
  if (!insists) refuseFruitless(plan);
}

function refuseQuarantined(release: ReleaseBody): void {
  const { quarantine } = release;
  if (quarantine === null) return;
  const probes = quarantine.failing_probes.map(quote);
  const failure = probes.length === 0 ? 'it could not be activated' : `${probesOf(probes)} failed`;
  throw new NexusError(
    'conflict',
    `${releaseName(release)} is quarantined: ${failure} on ${quarantine.host} in rollout ${quarantine.rollout_id}. ` +
      `Once you know why: nexus release lift ${shortDigest(release.digest)} --reason TEXT`,
  );
}

function isHeld({ findings }: PlannedHost): boolean {
  return findings.some(({ severity }) => severity === 'hold');
}

/** A wave of which every host is held does not begin, and no later wave begins before it. */
function refuseFruitless({ waves, supersedes }: RolloutPlanBody): void {
  const first = waves[0]?.hosts ?? [];
  const ended = supersedes[0];
  if (ended === undefined || !first.every(isHeld)) return;
  const others = supersedes.length === 1 ? '' : ` and ${plural(supersedes.length - 1, 'other')}`;
  throw new NexusError(
    'conflict',
    `this would end rollout ${ended}${others}, which still runs, although ${namesOf(first.map(({ name }) => name))} would be held and nothing could begin. Resolve that first, or insist with --yes.`,
  );
}

/** A line for each finding, with the hosts that share it. */
function describeFindings(plan: RolloutPlanBody): string[] {
  const groups = new Map<string, { severity: Severity; message: string; hosts: string[] }>();
  for (const { name, findings } of plan.waves.flatMap(({ hosts }) => hosts)) {
    for (const { severity, message } of findings) {
      const key = `${severity} ${message}`;
      const group = groups.get(key) ?? { severity, message, hosts: [] };
      group.hosts.push(name);
      groups.set(key, group);
    }
  }
  const hosts = plan.waves.flatMap((wave) => wave.hosts);
  const same = hosts.filter(({ runs }) => runs === plan.release).length;
  return [
    ...[...groups.values()]
      .sort((a, b) => Number(b.severity === 'hold') - Number(a.severity === 'hold'))
      .map(({ severity, message, hosts: found }) => {
        return `${namesOf(found)}${severity === 'hold' ? ' would be held' : ''}: ${message}`;
      }),
    ...(same === 0 ? [] : [`${plural(same, 'host')} already ${same === 1 ? 'runs' : 'run'} it.`]),
    ...plan.notes,
  ];
}

function namesOf(hosts: readonly string[]): string {
  const more = hosts.length - MAX_NAMED_HOSTS;
  if (more <= 0) return hosts.join(', ');
  return `${hosts.slice(0, MAX_NAMED_HOSTS).join(', ')} and ${plural(more, 'other')}`;
}
