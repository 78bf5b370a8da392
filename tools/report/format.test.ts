import { expect, test } from 'vitest';

import { formatBytes, formatProgress, formatSeconds, formatTimeLeft } from './format.ts';
import { Rate } from './rate.ts';
import { plainText, redact } from './text.ts';

test.each([
  [0.04, '0.0 s'],
  [9.94, '9.9 s'],
  [9.96, '10 s'],
  [59.6, '1 min 00 s'],
  [187, '3 min 07 s'],
  [7500, '2 h 05 min'],
])('formatSeconds(%d) is %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [3.4 * 1024, '3.4 KiB'],
  [300 << 20, '300 MiB'],
])('formatBytes(%d) is %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('formatTimeLeft() is no more exact than it is', () => {
  expect([-5, 3, 12.3].map(formatTimeLeft)).toEqual(['a few seconds left', 'a few seconds left', 'about 12 s left']);
});

test('formatProgress() leaves out what is not known', () => {
  const bytes = { done: 1024, total: 1024, unit: 'bytes', perSecond: undefined } as const;
  expect(formatProgress({ ...bytes, unit: 'items', done: 3 })).toBe('3 of 1024');
  expect(formatProgress(bytes)).toBe('1.0 KiB');
  expect(formatProgress({ ...bytes, perSecond: 512 })).toBe('1.0 KiB, 512 B/s');
  expect(formatProgress({ ...bytes, total: 2048, perSecond: 0 })).toBe('1.0 KiB of 2.0 KiB, 0 B/s');
});

test('Rate is that of the last seconds, sinks while nothing comes, and begins again with the transfer', () => {
  const rate = new Rate();
  for (let second = 0; second <= 20; second += 1) rate.see(second < 10 ? second * 10 : 100, second * 1000);
  expect(rate.perSecond(20_000)).toBe(0);
  rate.see(1100, 21_000);
  expect(rate.perSecond(21_000)).toBeGreaterThan(100);
  expect(rate.perSecond(300_000)).toBeLessThan(10);
  rate.see(5, 300_000);
  expect(rate.perSecond(300_500)).toBeUndefined();
});

test.each([
  ['https://me:pw@example.org/a', 'https://***@example.org/a'],
  ['https://me:p@w@example.org/a', 'https://***@example.org/a'],
  ['GIT+SSH://token@example.org and http://a:b@c', 'GIT+SSH://***@example.org and http://***@c'],
  ['https://example.org/~me@home', 'https://example.org/~me@home'],
  ['{"a":"https://example.org","b":"me@example.org"}', '{"a":"https://example.org","b":"me@example.org"}'],
])('redact(%j)', (text, redacted) => {
  expect(redact(text)).toBe(redacted);
});

test('plainText() keeps a line from painting or moving what is around it', () => {
  expect(plainText('\u001B[31mred\u001B[0m\tand\u001B[2Aup\u0007')).toBe('red andup ');
});
