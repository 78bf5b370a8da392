import { formatTable } from '../report/format.ts';
import { readProject } from '../config/project.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { openPublished } from '../recipe/published.ts';
import { openRepo } from '../recipe/update-repo.ts';
import { findUpdate } from '../tuf/manifest.ts';
import { readWavePolicy } from '../tuf/policies.ts';
import { parseWaves, readyAt, scheduleWaves, shareAt, MAX_SEED } from '../tuf/waves.ts';
import type { WaveDates } from '../tuf/waves.ts';
import { startOf } from './repo-create.ts';
import type { FleetFlags } from './repo-flags.ts';
import { surroundingsOf } from './repo-flags.ts';
import type { Session } from './session.ts';

export interface WavesFlags extends FleetFlags {
  readonly policy: string;
  readonly smooth?: boolean;
  readonly start?: string;
  readonly version?: string;
}

const HOUR_MS = 3600 * 1000;
const ROWS = 24;
const STEPS_HOURS = [0.25, 0.5, 1, 2, 3, 6, 12, 24, 48] as const;

/** Of a policy, or of an update as it is published. */
export async function showWaves(session: Session, flags: WavesFlags): Promise<void> {
  const start = startOf(flags.start, new Date());
  const dates =
    flags.version === undefined
      ? scheduleWaves(readWavePolicy(flags.policy), start, flags.smooth === true ? 'smooth' : 'steps')
      : await publishedWaves(session, flags, flags.version);
  const from = flags.version === undefined ? start : (dates[0]?.[1] ?? start);
  const rows = rollOut(dates, from);
  const table = formatTable([
    ['hours', 'percent', 'at once'],
    ...rows.map(({ hours, percent, burst }) => [
      hours.toString(),
      percent.toFixed(2),
      burst < 0.5 ? '' : `${burst.toFixed(2)} %`,
    ]),
  ]);
  const widest = Math.max(...rows.map(({ burst }) => burst));
  session.result(`${table}\nLargest share of the fleet at one instant: ${widest.toFixed(2)} %`, {
    keys: dates.length,
    rows,
  });
}

async function publishedWaves(session: Session, flags: WavesFlags, version: string): Promise<WaveDates> {
  const variant = wantedVariant(readProject(session.globals.directory), flags.variant);
  const fleet = { variant: variant.name, arch: flags.arch ?? variant.arches[0] ?? 'x86_64' };
  const repo = await openRepo(flags, surroundingsOf(session));
  const { manifest } = await openPublished(repo, fleet, { expiry: 'ignore', now: new Date() });
  return parseWaves(findUpdate(manifest, fleet, version).waves);
}

interface Row {
  readonly hours: number;
  /** Of the fleet, so far. */
  readonly percent: number;
  /** Most of it that comes in one instant, within this row. */
  readonly burst: number;
}

/** Evenly spaced, in hours that a person can read, to where everyone has it. */
function rollOut(dates: WaveDates, from: Date): readonly Row[] {
  const ready = Array.from({ length: MAX_SEED }, (_, seed) => readyAt(dates, seed)).filter((at) => at !== 'at once');
  const endHours = Math.max(1, ...ready.map((at) => (at.getTime() - from.getTime()) / HOUR_MS));
  const step = STEPS_HOURS.find((hours) => endHours / hours <= ROWS) ?? STEPS_HOURS.at(-1) ?? 48;
  return Array.from({ length: Math.ceil(endHours / step) + 1 }, (_, index) => {
    const hours = index * step;
    const [begin, end] = [from.getTime() + (hours - step) * HOUR_MS, from.getTime() + hours * HOUR_MS];
    const within = ready.filter((at) => at.getTime() > begin && at.getTime() <= end);
    const instants = Map.groupBy(within, (at) => at.getTime());
    const most = Math.max(0, ...[...instants.values()].map(({ length }) => length));
    return { hours, percent: shareAt(dates, new Date(end)) * 100, burst: (most / MAX_SEED) * 100 };
  });
}
