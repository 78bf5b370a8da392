import { expect, test } from 'vitest';

import { parseSha256, type Digest } from '../graph/digest.ts';
import type { Inputs, Task } from '../graph/task.ts';
import { fitting } from './fit.ts';
import type { Partition } from './layout.ts';

const MIB = 1024 * 1024;
const ROOT: Partition = {
  key: 'ROOT-A',
  number: 4,
  label: 'SLIPWAY-ROOT-A',
  startMiB: 50,
  sizeMiB: 920,
  type: '5526016a-1a97-4ea4-b39a-b7c8c6ca4502',
  guid: undefined,
  attributeBits: [],
  content: 'root',
};
const TASK: Task = {
  id: 'root/made-up',
  title: 'Make it up',
  needs: [],
  cost: { cores: 1, memoryMiB: 1 },
  resolve: () => ({ key: null, run: () => Promise.resolve({}) }),
};

function inputsOf(size: number): Inputs {
  const digest: Digest = { hash: parseSha256('0'.repeat(64)), size };
  return { output: () => ({ type: 'file', digest }), outputs: () => ({}) };
}

test('fitting() gives an image as large as its partition', () => {
  const image = fitting(inputsOf(920 * MIB), { task: TASK, output: 'root.img', partition: ROOT });
  expect(image.digest.size).toBe(920 * MIB);
});

test('fitting() says by how much an image is too large', () => {
  expect(() => fitting(inputsOf(920 * MIB + 1), { task: TASK, output: 'root.img', partition: ROOT })).toThrow(
    'Cannot fill partition "ROOT-A": expected at most 920 MiB, got 921 MiB',
  );
});
