import { createHash } from 'node:crypto';

import { expect, test } from 'vitest';

import { compareLog } from './compare.ts';
import { describeEvent, parseEventLog } from './event-log.ts';
import { EVENT_TYPES, measurement, replay } from './pcr.ts';

const SHA256 = 0x0b;

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A log of SHA-256 alone. */
function logOf(...events: readonly { pcr: number; type: number; content: string }[]): Buffer {
  const algorithms = Buffer.concat([uint32(1), Buffer.of(SHA256, 0, 32, 0)]);
  const spec = Buffer.concat([
    Buffer.from('Spec ID Event03\0'),
    Buffer.alloc(4),
    Buffer.of(0, 2, 0, 2),
    algorithms,
    Buffer.of(0),
  ]);
  const head = Buffer.concat([uint32(0), uint32(3), Buffer.alloc(20), uint32(spec.length), spec]);
  return Buffer.concat([
    head,
    ...events.map(({ pcr, type, content }) => {
      const digest = createHash('sha256').update(content).digest();
      const data = Buffer.from(`grub_cmd: ${content}\0`);
      return Buffer.concat([
        uint32(pcr),
        uint32(type),
        uint32(1),
        Buffer.of(SHA256, 0),
        digest,
        uint32(data.length),
        data,
      ]);
    }),
  ]);
}

const command = (content: string) => ({ pcr: 8, type: EVENT_TYPES.EV_IPL, content });
const expected = (what: string) => measurement(8, 'EV_IPL', { what, content: Buffer.from(what) });

test('parseEventLog() gives what was measured, in order', () => {
  const events = parseEventLog(logOf(command('set timeout=0'), command('boot')), 'log');
  expect(events.map(describeEvent)).toEqual(['EV_IPL "grub_cmd: set timeout=0"', 'EV_IPL "grub_cmd: boot"']);
});

test('parseEventLog() refuses what is cut short, and what is no log', () => {
  const log = logOf(command('boot'));
  expect(() => parseEventLog(log.subarray(0, -1), 'log')).toThrow('Cannot read "log" as event log of a TPM 2.0');
  expect(() => parseEventLog(Buffer.from('#!/bin/sh\n'.repeat(10)), 'log')).toThrow('Cannot read "log"');
  expect(() => parseEventLog(Buffer.alloc(0), 'log')).toThrow('Cannot read "log"');
});

/** Two commands are expected. */
function compare(...log: readonly string[]) {
  return compareLog([expected('set timeout=0'), expected('boot')], parseEventLog(logOf(...log.map(command)), 'log'));
}

test('compareLog() names the first measurement of a PCR that differs, lacks or is too many', () => {
  expect(compare('set timeout=0', 'boot')).toEqual([]);
  expect(compare('set timeout=1', 'boot')).toEqual([
    { pcr: 8, number: 1, expected: 'EV_IPL "set timeout=0"', got: 'EV_IPL "grub_cmd: set timeout=1"' },
  ]);
  expect(compare('set timeout=0')).toMatchObject([{ number: 2, expected: 'EV_IPL "boot"', got: undefined }]);
  expect(compare('set timeout=0', 'boot', 'halt')).toMatchObject([{ number: 3, expected: undefined }]);
});

test('replay() extends from zeros, and a PCR that nothing is measured into keeps them', () => {
  const digest = createHash('sha256').update('boot').digest();
  const once = createHash('sha256').update(Buffer.alloc(32)).update(digest).digest('hex');
  expect(replay([expected('boot')], 8, 'sha256')).toBe(once);
  expect(replay([expected('boot')], 11, 'sha256')).toBe('0'.repeat(64));
});
