import { describe, expect, test } from 'vitest';

import { Budget } from './budget.ts';

const COMPILE = { cores: 64, memoryMiB: 100 };

/** Cores granted one after the other until nothing more fits. */
function grants(cores: number, waiting: number): number[] {
  const budget = new Budget({ cores, memoryMiB: 10_000, transfers: 8 });
  const granted: number[] = [];
  for (let left = waiting; left > 0; left -= 1) {
    const grant = budget.take(COMPILE, left);
    if (grant === undefined) break;
    granted.push(grant.cores);
  }
  return granted;
}

describe('Budget', () => {
  test('on two cores two packages build side by side, each with two jobs', () => {
    expect(grants(2, 10)).toEqual([2, 2]);
  });

  test('a package that is alone gets every core', () => {
    expect(grants(16, 1)).toEqual([16]);
  });

  test('many share a large machine by four', () => {
    expect(grants(16, 10)).toEqual([8, 8, 8, 8]);
  });

  test('one core is one job', () => {
    expect(grants(1, 3)).toEqual([1]);
  });

  test('what is given back can be taken again', () => {
    const budget = new Budget({ cores: 1, memoryMiB: 100, transfers: 1 });
    const grant = budget.take(COMPILE, 1);
    if (grant === undefined) throw new Error('Expected a grant');
    expect(budget.take(COMPILE, 1)).toBeUndefined();
    budget.release(grant);
    expect(budget.take(COMPILE, 1)).toEqual(grant);
  });
});
