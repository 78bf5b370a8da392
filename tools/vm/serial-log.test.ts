import { expect, test } from 'vitest';

import { SerialLog } from './serial-log.ts';

function logOf(...chunks: string[]): SerialLog {
  const log = new SerialLog();
  for (const chunk of chunks) log.append(Buffer.from(chunk, 'latin1'));
  return log;
}

const NEVER = new AbortController().signal;

test('append() drops terminal control, wherever a chunk ends', () => {
  expect(logOf('\u001B[0;1', 'mhello\r', '\n\u001B[?7', 'lworld\u001B', '[K').text).toBe('hello\nworld');
});

test('append() puts characters together that a chunk cuts', () => {
  expect(logOf('gr\u00C3', '\u00BCn').text).toBe('grün');
});

test('take() finds each thing once', () => {
  const log = logOf('login: a\nlogin: b\n');
  expect(log.take(/login: (\w)/)?.[1]).toBe('a');
  expect(log.take(/login: (\w)/)?.[1]).toBe('b');
  expect(log.take(/login: (\w)/)).toBeUndefined();
});

test('wait() sees what comes later, and what is there', async () => {
  const log = logOf('one ');
  expect(await log.wait(/one/, NEVER)).toBeDefined();
  const later = log.wait(/two/, NEVER);
  log.append(Buffer.from('t'));
  log.append(Buffer.from('wo'));
  expect(await later).toBeDefined();
});

test('wait() ends with its signal', async () => {
  const stop = new AbortController();
  const wait = logOf('one').wait(/two/, stop.signal);
  stop.abort();
  expect(await wait).toBeUndefined();
  expect(await logOf('one').wait(/two/, stop.signal)).toBeUndefined();
});

test('tail() is the last lines', () => {
  expect(logOf('1\n2\n3\n\n').tail(2)).toBe('2\n3');
});
