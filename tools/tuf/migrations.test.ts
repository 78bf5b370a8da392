import { describe, expect, test } from 'vitest';

import { hopsOf, printPair, unreachableHops } from './migrations.ts';

const idle = (migrations: Readonly<Record<string, readonly string[]>>, ...versions: readonly string[]): string[] =>
  unreachableHops(hopsOf(migrations), versions).map(({ from, to }) => printPair(from, to));

describe('hops that no host can come by', () => {
  test('none of a chain through the versions that there are', () => {
    expect(idle({ '(1.0.0, 1.1.0)': [], '(1.1.0, 1.2.0)': [] }, '1.0.0', '1.1.0', '1.2.0')).toEqual([]);
  });

  test('none of those that a host at a withdrawn version steps up or down by', () => {
    const around = { '(1.0.0, 1.1.0)': [], '(1.1.0, 1.2.0)': [], '(1.0.0, 1.2.0)': [] };
    expect(idle(around, '1.0.0', '1.2.0')).toEqual([]);
  });

  test('one that leads from nowhere to nowhere', () => {
    expect(idle({ '(0.8.0, 0.9.0)': ['migrate_v0.9.0_x.lz4'], '(1.0.0, 1.1.0)': [] }, '1.0.0', '1.1.0')).toEqual([
      '(0.8.0, 0.9.0)',
    ]);
  });

  test('one that leads back', () => {
    expect(idle({ '(1.0.0, 1.1.0)': [], '(1.1.0, 1.0.0)': [] }, '1.0.0', '1.1.0')).toEqual(['(1.1.0, 1.0.0)']);
  });
});
