/**
 * Waves: when each host of a fleet takes an update. A host has a seed, 0 to 2047, for life; an update has dates for some seeds, and a host
 * reckons its own from the two around it. What a policy says in percent becomes such dates here, and what dates mean for a fleet is told by
 * the very formula the hosts use.
 */
import { formatMoment, resolveWhen } from '../config/moment.ts';
import type { WavePolicy } from '../config/repo-policy.ts';
import { BuildError } from '../errors.ts';

export const MAX_SEED = 2048;
/** Keys of a smooth roll-out: a host is at most this many seeds from one that has a date of its own. */
const SMOOTH_STEP = 8;

/** Decimal seed -> RFC 3339, as manifest.json holds them. */
export type Waves = Readonly<Record<string, string>>;

/** Parsed, by ascending seed. */
export type WaveDates = readonly (readonly [seed: number, date: Date])[];

/** `steps`: a key for each wave, as pubsys writes them. `smooth`: many narrow ones, so that a wave is a slope and not a burst. */
export type WaveStyle = 'steps' | 'smooth';

/**
 * The dates of a policy. The first wave has key 0; each later one begins where the share of the one before ends, floor(share * 2048 / 100).
 * @throws BuildError tuf/wave-order
 */
export function scheduleWaves({ waves }: WavePolicy, start: Date, style: WaveStyle): WaveDates {
  const steps = waves.map((wave, index): [number, Date] => [
    Math.floor(((waves[index - 1]?.['fleet-percentage'] ?? 0) * MAX_SEED) / 100),
    resolveWhen(wave['start-after'], start),
  ]);
  for (const [index, [, date]] of steps.entries()) {
    const before = steps[index - 1];
    if (before !== undefined && date <= before[1]) throw disordered(index, date, before[1]);
  }
  return style === 'steps' ? steps : smooth(steps);
}

function disordered(index: number, date: Date, before: Date): BuildError {
  const finding = `expected wave ${index + 1} to start after ${formatMoment(before)}, when wave ${index} does, got ${formatMoment(date)}`;
  return new BuildError('tuf/wave-order', `Cannot schedule waves: ${finding}`);
}

/** Between two steps the dates rise evenly; the last wave, which has no next, takes as long as the one before it. */
function smooth(steps: WaveDates): WaveDates {
  const [last, before] = [steps.at(-1), steps.at(-2)];
  if (last === undefined) return steps;
  const lastMs = before === undefined ? 0 : last[1].getTime() - before[1].getTime();
  const ends: WaveDates = [...steps, [MAX_SEED - 1, new Date(last[1].getTime() + lastMs)]];
  const dates = new Map<number, Date>();
  for (const [index, [from, start]] of ends.slice(0, -1).entries()) {
    const [to, end] = ends[index + 1] ?? last;
    for (let seed = from; seed <= to; seed += Math.min(SMOOTH_STEP, Math.max(1, to - seed)))
      dates.set(seed, between({ from, start, to, end }, seed));
  }
  return ascending([...dates]);
}

interface Slope {
  readonly from: number;
  readonly start: Date;
  readonly to: number;
  readonly end: Date;
}

function between({ from, start, to, end }: Slope, seed: number): Date {
  const share = to === from ? 0 : (seed - from) / (to - from);
  return new Date(Math.floor((start.getTime() + (end.getTime() - start.getTime()) * share) / 1000) * 1000);
}

/** Whole seconds may make two dates one; hosts want each later than the one before. */
function ascending(dates: WaveDates): WaveDates {
  const kept: (readonly [number, Date])[] = [];
  for (const entry of dates.toSorted(([a], [b]) => a - b)) {
    const before = kept.at(-1);
    if (before === undefined || entry[1] > before[1]) kept.push(entry);
  }
  return kept;
}

export function printWaves(dates: WaveDates): Waves {
  return Object.fromEntries(dates.map(([seed, date]) => [String(seed), formatMoment(date)]));
}

export function parseWaves(waves: Waves): WaveDates {
  return Object.entries(waves)
    .map(([seed, date]): [number, Date] => [Number(seed), new Date(date)])
    .toSorted(([a], [b]) => a - b);
}

/**
 * When a host of this seed takes the update: the hosts' own formula. It multiplies by the seed itself, not by its distance from the key
 * before, so from the second wave on nearly everyone waits for the wave's end: which is why there are smooth roll-outs.
 */
export function readyAt(dates: WaveDates, seed: number): Date | 'at once' {
  const start = dates.findLast(([key]) => key < seed);
  const end = dates.find(([key]) => key >= seed);
  if (start === undefined) return 'at once';
  if (end === undefined) return start[1];
  const perSeedMs = (end[1].getTime() - start[1].getTime()) / (end[0] - start[0]);
  return new Date(Math.min(end[1].getTime(), start[1].getTime() + perSeedMs * seed));
}

/** Share of the fleet, 0 to 1, that takes the update by `date`. */
export function shareAt(dates: WaveDates, date: Date): number {
  return readySeeds(dates, date) / MAX_SEED;
}

/** Dates ascend with seeds, so those that are ready are the lowest seeds. */
export function readySeeds(dates: WaveDates, date: Date): number {
  let [ready, beyond] = [0, MAX_SEED];
  while (ready < beyond) {
    const seed = Math.floor((ready + beyond) / 2);
    const at = readyAt(dates, seed);
    if (at === 'at once' || at <= date) ready = seed + 1;
    else beyond = seed;
  }
  return ready;
}

/**
 * Whoever was not yet ready at `now` waits until `until`, and then in the same order and pace as before.
 * @throws BuildError tuf/all-out when everyone was
 */
export function pauseWaves(dates: WaveDates, now: Date, until: Date): WaveDates {
  const ready = readySeeds(dates, now);
  if (ready === MAX_SEED)
    throw new BuildError('tuf/all-out', 'Cannot pause waves: every host has been offered the update by now', {
      hint: 'To take it back from them, use: npx tsx Makefile.ts repo set-max-version',
    });
  const shiftMs = until.getTime() - now.getTime();
  const out = dates.filter(([seed, date]) => seed < ready - 1 && date < now);
  const later = dates
    .filter(([seed]) => seed > ready)
    .map(([seed, date]): [number, Date] => [seed, new Date(date.getTime() + shiftMs)]);
  return ascending([...out, [ready - 1, now], [ready, until], ...later]);
}
