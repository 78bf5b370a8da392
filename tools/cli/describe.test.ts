import { join } from 'node:path';

import { expect, test } from 'vitest';

import { digestOf } from '../graph/digest.ts';
import type { Statistics } from '../graph/statistics.ts';
import { describeEffort, describeImages } from './describe.ts';

const STATISTICS: Statistics = {
  built: 1,
  fresh: 300,
  failed: 0,
  skipped: 0,
  cpuSeconds: 130,
  criticalPathSeconds: 61,
  wallSeconds: 75.4,
};

test('a build says what it made, how large, how long it took and what to do next', () => {
  const dir = join(process.cwd(), 'build/images/x86_64-metal-dev/1.0.0-abc');
  const file = (name: string, size: number) => ({
    path: join(dir, name),
    output: { type: 'file', digest: { hash: digestOf(name).hash, size } } as const,
  });
  const files = [file('slipway.img.lz4', 400 << 20), file('slipway-root.verity.lz4', 5 << 20)];
  const image = { variant: 'metal-dev', arch: 'x86_64', packages: 60, dir, files } as const;
  expect(describeImages([image], STATISTICS, 'npx tsx Makefile.ts -C there')).toBe(
    [
      'metal-dev for x86_64, 60 packages, in build/images/x86_64-metal-dev/1.0.0-abc/',
      '  slipway.img.lz4          400 MiB',
      '  slipway-root.verity.lz4  5.0 MiB',
      'Build: 1 task in 1 min 15 s (2 min 10 s of CPU, critical path 1 min 01 s)',
      'Boot it: npx tsx Makefile.ts -C there run --variant metal-dev --arch x86_64',
    ].join('\n'),
  );
});

test('a build with nothing to do says so', () => {
  expect(describeEffort({ ...STATISTICS, built: 0 })).toBe('nothing to do, all of it is in the store');
});
