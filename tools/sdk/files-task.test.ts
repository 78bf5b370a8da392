import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { runGraph } from '../graph/scheduler.ts';
import { Store } from '../graph/store.ts';
import type { Output } from '../graph/task.ts';
import { filesTask } from './files-task.ts';

let dir: string;
let store: Store;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'slipway-files-'));
  store = await Store.open(join(dir, 'store'));
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

function checkout(name: string, modes: { script: number; text: number; folder: number }): string {
  const folder = join(dir, name);
  mkdirSync(join(folder, 'usr/bin'), { recursive: true });
  writeFileSync(join(folder, 'usr/bin/script'), '#!/bin/sh\n');
  writeFileSync(join(folder, 'usr/text'), 'text');
  symlinkSync('script', join(folder, 'usr/bin/link'));
  chmodSync(join(folder, 'usr/bin/script'), modes.script);
  chmodSync(join(folder, 'usr/text'), modes.text);
  chmodSync(join(folder, 'usr/bin'), modes.folder);
  return folder;
}

async function treeOf(folder: string): Promise<Output> {
  const task = filesTask('tool-root/test-files', pathToFileURL(`${folder}/`), store);
  const { signal } = new AbortController();
  const result = await runGraph([task], { store, signal, sink: () => {}, cores: 1, memoryMiB: 64 });
  return result.output(task, 'root');
}

test('two checkouts with another umask are one tree', async () => {
  const one = await treeOf(checkout('one', { script: 0o755, text: 0o644, folder: 0o755 }));
  const two = await treeOf(checkout('two', { script: 0o700, text: 0o660, folder: 0o775 }));
  expect(two).toEqual(one);
});

test('whether a file may be run is part of the tree', async () => {
  const one = await treeOf(checkout('one', { script: 0o755, text: 0o644, folder: 0o755 }));
  const two = await treeOf(checkout('two', { script: 0o644, text: 0o644, folder: 0o755 }));
  expect(two.digest).not.toEqual(one.digest);
});
