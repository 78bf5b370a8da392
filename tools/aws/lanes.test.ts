import { expect, test } from 'vitest';

import { Lanes } from './lanes.ts';

test('no more are under way than there are lanes, and all of them end', async () => {
  const lanes = new Lanes({ start: 3, ceiling: 3 });
  let now = 0;
  let most = 0;
  const ends = Array.from({ length: 20 }, () =>
    lanes.run(async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise(setImmediate);
      now -= 1;
    }),
  );
  await Promise.all(ends);
  expect(most).toBe(3);
});

test('success adds lanes up to the ceiling, throttling halves them once for answers that come together', () => {
  const lanes = new Lanes({ start: 8, ceiling: 10 });
  for (let index = 0; index < 100; index += 1) lanes.succeeded();
  expect(lanes.limit).toBe(10);
  lanes.throttled();
  lanes.throttled();
  expect([lanes.limit, lanes.throttles]).toEqual([5, 2]);
});

test('one that fails gives its lane back', async () => {
  const lanes = new Lanes({ start: 1, ceiling: 1 });
  await expect(lanes.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await lanes.run(() => Promise.resolve('yes'))).toBe('yes');
});
