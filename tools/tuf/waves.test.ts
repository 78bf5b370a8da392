import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { readPolicy, wavePolicySchema } from '../config/repo-policy.ts';
import { MAX_SEED, pauseWaves, printWaves, readyAt, readySeeds, scheduleWaves, shareAt } from './waves.ts';
import type { WaveDates, WaveStyle } from './waves.ts';

const START = new Date('2030-01-01T00:00:00Z');
const HOUR_MS = 3600 * 1000;

function schedule(policy: string, style: WaveStyle = 'steps'): WaveDates {
  const file = join(import.meta.dirname, 'policies', 'waves', `${policy}.yaml`);
  return scheduleWaves(readPolicy(file, wavePolicySchema), START, style);
}

function after(hours: number): Date {
  return new Date(START.getTime() + hours * HOUR_MS);
}

/** Milliseconds -> share of the fleet in percent. */
function instantsOf(dates: WaveDates): ReadonlyMap<number, number> {
  const instants = new Map<number, number>();
  for (let seed = 0; seed < MAX_SEED; seed += 1) {
    const at = readyAt(dates, seed);
    const time = at === 'at once' ? 0 : at.getTime();
    instants.set(time, (instants.get(time) ?? 0) + 100 / MAX_SEED);
  }
  return instants;
}

function largestBurst(dates: WaveDates): number {
  return Math.max(...instantsOf(dates).values());
}

function burstsOf(dates: WaveDates): string {
  return [...instantsOf(dates)]
    .filter(([, percent]) => percent > 0.1)
    .map(([time, percent]) => `${(time - START.getTime()) / HOUR_MS}:${percent.toFixed(2)}`)
    .join(' ');
}

describe('shipped policies', () => {
  test.each([
    ['default', [0, 20, 102, 307, 819, 1228, 1843]],
    ['accelerated', [0, 61, 245, 819, 1638]],
    ['ohno', [0, 102, 512, 1024, 1843]],
    ['slow-roll', [0, 20, 102, 307, 819, 1228, 1843]],
  ])('%s gives the seeds that pubsys gives', (policy, seeds) => {
    expect(schedule(policy).map(([seed]) => seed)).toEqual(seeds);
  });

  test.each([
    ['default', 96, 40],
    ['default', 120, 60],
    ['default', 144, 100],
    ['accelerated', 16, 40],
    ['ohno', 2.5, 50],
    ['slow-roll', 288, 60],
  ])('%s: at hour %s, %s percent of the fleet', (policy, hour, percent) => {
    const dates = schedule(policy);
    expect(shareAt(dates, after(hour)) * 100).toBeCloseTo(percent, 0);
  });

  // Instants at which more than a thousandth of the fleet takes the update, as hours : percent.
  test.each([
    ['default', '24:1.03 48:5.03 96:15.04 120:19.97 144:39.99'],
    ['accelerated', '8:3.03 16:12.01 24:59.96'],
    ['ohno', '2:5.03 2.5:25.00 3:49.95'],
    ['slow-roll', '72:1.03 168:5.03 216:15.04 288:19.97 312:39.99'],
  ])('%s comes over the fleet in these bursts', (policy, bursts) => {
    expect(burstsOf(schedule(policy))).toBe(bursts);
  });

  test.each(['default', 'accelerated', 'ohno', 'slow-roll'])(
    '%s is a burst in steps, and a slope when smooth',
    (policy) => {
      expect(largestBurst(schedule(policy))).toBeGreaterThan(35);
      expect(largestBurst(schedule(policy, 'smooth'))).toBeLessThan(0.6);
    },
  );
});

test('a smooth roll-out reaches everyone, its dates ascend, and nobody comes before the first wave', () => {
  const dates = schedule('default', 'smooth');
  expect(dates.every(([, date], index) => index === 0 || date > (dates[index - 1]?.[1] ?? date))).toBe(true);
  expect(shareAt(dates, after(7 * 24))).toBe(1);
  expect(readySeeds(dates, new Date(after(1).getTime() - 1000))).toBe(1);
});

test('dates are whole seconds', () => {
  expect(Object.values(printWaves(schedule('ohno', 'smooth'))).every((date) => /:\d\dZ$/.test(date))).toBe(true);
});

describe('pause', () => {
  const dates = schedule('default', 'smooth');
  const paused = pauseWaves(dates, after(30), after(30 + 24 * 10));

  test('whoever had been offered the update keeps it, nobody else gets it before the pause ends', () => {
    const before = readySeeds(dates, after(30));
    expect(readySeeds(paused, after(30))).toBe(before);
    expect(readySeeds(paused, new Date(after(30 + 24 * 10).getTime() - 1000))).toBe(before);
  });

  test('afterwards the waves go on as they would have', () => {
    for (const hours of [40, 60, 100, 140])
      expect(shareAt(paused, after(hours + 240))).toBeCloseTo(shareAt(dates, after(hours)), 2);
  });

  test('what everyone has cannot be paused', () => {
    expect(() => pauseWaves(dates, after(24 * 30), after(24 * 40))).toThrow('every host has been offered');
  });
});

test('waves whose starts do not ascend are refused by their number', () => {
  const [early, late] = ['2030-01-01T00:00:00Z', '2030-01-02T00:00:00Z'].map((text) => new Date(text));
  const waves = [
    { 'start-after': { type: 'at' as const, date: late ?? START }, 'fleet-percentage': 50 },
    { 'start-after': { type: 'at' as const, date: early ?? START }, 'fleet-percentage': 100 },
  ];
  expect(() => scheduleWaves({ waves }, START, 'steps')).toThrow('expected wave 2 to start after 2030-01-02T00:00:00Z');
});
