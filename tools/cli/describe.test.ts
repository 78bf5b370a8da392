import { join } from 'node:path';

import { expect, test } from 'vitest';

import { digestOf } from '../graph/digest.ts';
import { compareContents } from '../image/contents.ts';
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
  const contents = [
    { name: 'bash', version: '5.2-1', bytes: 1 << 20 },
    { name: 'systemd', version: '257.13-1', bytes: 20 << 20 },
  ];
  const before = [
    { name: 'strace', version: '6.1-1', bytes: 2 << 20 },
    { name: 'systemd', version: '257.12-1', bytes: 19 << 20 },
  ];
  const changes = compareContents(before, contents);
  const image = { variant: 'metal-dev', arch: 'x86_64', contents, changes, dir, files } as const;
  expect(describeImages([image], STATISTICS, 'npx tsx Makefile.ts -C there')).toBe(
    [
      'metal-dev for x86_64, 2 packages, in build/images/x86_64-metal-dev/1.0.0-abc/',
      '  slipway.img.lz4          400 MiB',
      '  slipway-root.verity.lz4  5.0 MiB',
      '  largest: systemd 20.0 MiB, bash 1.0 MiB',
      '  changed: bash 5.2-1 is new, 1.0 MiB',
      '  changed: strace 6.1-1 is gone, 2.0 MiB',
      '  changed: systemd 257.12-1 -> 257.13-1, 19.0 MiB -> 20.0 MiB',
      'Build: 1 task in 1 min 15 s (2 min 10 s of CPU, critical path 1 min 01 s)',
      'Boot it: npx tsx Makefile.ts -C there run --variant metal-dev --arch x86_64',
    ].join('\n'),
  );
});

test('a build with nothing to do says so', () => {
  expect(describeEffort({ ...STATISTICS, built: 0 })).toBe('nothing to do, all of it is in the store');
});
