import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { SsmHistory } from './ssm-history.ts';

let dir: string;
let history: SsmHistory;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'slipway-history-'));
  history = new SsmHistory(join(dir, 'ssm.jsonl'));
});

afterEach(() => rmSync(dir, { recursive: true }));

const put = (name: string, before: string | null, value: string) => ({ name, before, value });

test('a command that was killed and run again is one change, with the values from before its first run', () => {
  history.add('one', 'eu-north-1', [put('/a', 'old', 'new'), put('/b', null, 'new')]);
  history.add('one', 'eu-north-1', [put('/b', 'half', 'new')]);
  expect([...(history.last()?.regions.get('eu-north-1')?.values() ?? [])]).toEqual([
    put('/a', 'old', 'new'),
    put('/b', null, 'new'),
  ]);
});

test('undoing goes back one change at a time', () => {
  history.add('one', 'eu-north-1', [put('/a', null, '1')]);
  history.add('two', 'eu-north-1', [put('/a', '1', '2')]);
  history.markUndone('two');
  expect(history.last()?.id).toBe('one');
  history.markUndone('one');
  expect(history.last()).toBeUndefined();
});

test('a line that a kill cut off is no line', () => {
  history.add('one', 'eu-north-1', [put('/a', null, '1')]);
  const path = join(dir, 'ssm.jsonl');
  writeFileSync(path, `${readFileSync(path, 'utf8')}{"time":"2026","change":"tw`);
  expect(history.last()?.id).toBe('one');
});
