import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { GraphRig } from '../../test/rig/graph-rig.ts';
import { EPOCH_SECONDS } from './epoch.ts';
import { hashKey } from './fingerprint.ts';
import { TOUCH_MS } from './results.ts';
import { Store } from './store.ts';
import type { Output } from './task.ts';

const KEY = hashKey('{"a":1}');

/** A tree with one of everything. */
async function putSample(store: Store, time: number): Promise<Output> {
  await using work = store.makeWorkDir();
  const dir = join(work.path, 'tree');
  mkdirSync(join(dir, 'usr/bin'), { recursive: true });
  writeFileSync(join(dir, 'usr/bin/tool'), 'run me', { mode: 0o755 });
  writeFileSync(join(dir, 'usr/secret'), 'hush');
  chmodSync(join(dir, 'usr/secret'), 0);
  symlinkSync('usr/bin', join(dir, 'bin'));
  utimesSync(join(dir, 'usr/bin/tool'), time, time);
  return await store.putTree(dir);
}

describe('files', () => {
  test('equal content is one read-only file with the one time stamp', async () => {
    await using rig = await GraphRig.create();
    writeFileSync(join(rig.dir, 'a'), 'content');
    const fromFile = await rig.store.putFile(join(rig.dir, 'a'));
    expect(fromFile).toEqual(rig.store.putBytes('content'));
    const stats = lstatSync(rig.store.pathOf(fromFile));
    expect([stats.mode & 0o777, stats.mtimeMs / 1000]).toEqual([0o444, EPOCH_SECONDS]);
    expect(readFileSync(join(rig.dir, 'a'), 'utf8')).toBe('content');
  });

  test('a file of a work directory is moved in', async () => {
    await using rig = await GraphRig.create();
    await using work = rig.store.makeWorkDir();
    writeFileSync(join(work.path, 'a'), 'content');
    const output = await rig.store.putFile(join(work.path, 'a'));
    expect(lstatSync(join(work.path, 'a'), { throwIfNoEntry: false })).toBeUndefined();
    expect(readFileSync(rig.store.pathOf(output), 'utf8')).toBe('content');
  });

  test('holes stay holes on the way in and out', async () => {
    await using rig = await GraphRig.create();
    const image = join(rig.dir, 'image');
    writeFileSync(image, 'start');
    truncateSync(image, 64 << 20);
    const output = await rig.store.putFile(image);
    await rig.store.copyFileTo(output, join(rig.dir, 'copy'));
    for (const path of [rig.store.pathOf(output), join(rig.dir, 'copy')]) {
      expect(lstatSync(path).size).toBe(64 << 20);
      expect(lstatSync(path).blocks * 512).toBeLessThan(1 << 20);
    }
  });

  test('a directory is refused', async () => {
    await using rig = await GraphRig.create();
    await expect(rig.store.putFile(rig.dir)).rejects.toMatchObject({ code: 'store/not-a-file' });
  });
});

describe('trees', () => {
  test('the digest is of names, modes, links and content, never of times', async () => {
    await using rig = await GraphRig.create();
    const first = await putSample(rig.store, 1000);
    await using other = await GraphRig.create();
    expect(await putSample(other.store, 2000)).toEqual(first);
  });

  test('all times in a stored tree are the one time stamp', async () => {
    await using rig = await GraphRig.create();
    const path = rig.store.pathOf(await putSample(rig.store, 1000));
    const times = ['', 'usr', 'usr/bin', 'usr/bin/tool', 'bin'].map(
      (name) => lstatSync(join(path, name)).mtimeMs / 1000,
    );
    expect(new Set(times)).toEqual(new Set([EPOCH_SECONDS]));
  });

  test('a mode that changes changes the digest', async () => {
    await using rig = await GraphRig.create();
    const put = async (mode: number): Promise<Output> => {
      await using work = rig.store.makeWorkDir();
      mkdirSync(join(work.path, 'tree'));
      writeFileSync(join(work.path, 'tree/tool'), 'x');
      chmodSync(join(work.path, 'tree/tool'), mode);
      return await rig.store.putTree(join(work.path, 'tree'));
    };
    expect((await put(0o644)).digest).not.toEqual((await put(0o755)).digest);
  });

  test('a name that is not UTF-8 is refused', async () => {
    await using rig = await GraphRig.create();
    await using work = rig.store.makeWorkDir();
    mkdirSync(join(work.path, 'tree'));
    writeFileSync(Buffer.concat([Buffer.from(join(work.path, 'tree/')), Buffer.from([0xff])]), '');
    await expect(rig.store.putTree(join(work.path, 'tree'))).rejects.toMatchObject({ code: 'store/unsupported-entry' });
  });
});

describe('results', () => {
  test('a result is found while all of its outputs are there', async () => {
    await using rig = await GraphRig.create();
    const out = rig.store.putBytes('content');
    rig.store.results.write(KEY, '{"a":1}', { id: 'a/b', outputs: { out }, durationMs: 1, cpuSeconds: 2 });
    expect(rig.store.find(KEY)?.outputs).toEqual({ out });
    expect(rig.store.results.readKeyDocument(KEY)).toEqual({ a: 1 });
    chmodSync(rig.store.pathOf(out), 0o644);
    truncateSync(rig.store.pathOf(out), 0);
    expect(rig.store.find(KEY)).toBeUndefined();
  });

  test('a torn record is no result', async () => {
    await using rig = await GraphRig.create();
    rig.store.results.write(KEY, '{}', { id: 'a/b', outputs: {}, durationMs: 1, cpuSeconds: 2 });
    truncateSync(rig.store.results.path(KEY), 0);
    expect(rig.store.find(KEY)).toBeUndefined();
  });
});

describe('after a reboot', () => {
  test('what a power cut tore is removed, what is whole stays', async () => {
    await using rig = await GraphRig.create();
    const whole = rig.store.putBytes('whole');
    const torn = rig.store.putBytes('torn apart');
    const tree = await putSample(rig.store, 1);
    chmodSync(rig.store.pathOf(torn), 0o644);
    writeFileSync(rig.store.pathOf(torn), '\0\0\0\0\0\0\0\0\0\0');
    truncateSync(join(rig.store.pathOf(tree), 'usr/bin/tool'), 0);
    writeFileSync(join(rig.store.dir, 'boot'), 'another boot');
    await using reopened = await Store.open(rig.store.dir);
    expect([whole, torn, tree].map((output) => reopened.has(output))).toEqual([true, false, false]);
  });
});

describe('gc', () => {
  test('the least recently used results go until the rest fits', async () => {
    await using rig = await GraphRig.create();
    const names = ['old', 'new'];
    const outputs = names.map((name) => rig.store.putBytes(name.repeat(100_000)));
    const keys = names.map(hashKey);
    for (const [index, key] of keys.entries()) {
      const out = outputs[index];
      if (out === undefined) throw new Error('Expected an output');
      rig.store.results.write(key, '{}', { id: `a/${names[index]}`, outputs: { out }, durationMs: 1, cpuSeconds: 0 });
      utimesSync(rig.store.results.path(key), 1000 + index, 1000 + index);
    }
    const { freedBytes, keptBytes } = await rig.store.gc({ keepSizeBytes: 400_000 });
    expect(keys.map((key) => rig.store.find(key) !== undefined)).toEqual([false, true]);
    expect(rig.store.results.lastKey('a/old')).toBeUndefined();
    expect([freedBytes, keptBytes].every((bytes) => bytes >= 300_000 && bytes <= 400_000)).toBe(true);
  });

  test('what a running build used or put stays, whatever the size', async () => {
    await using rig = await GraphRig.create();
    const out = rig.store.putBytes('used');
    const unnamed = rig.store.putBytes('not named by a result yet');
    rig.store.results.write(KEY, '{}', { id: 'a/b', outputs: { out }, durationMs: 1, cpuSeconds: 0 });
    await using other = await Store.open(rig.store.dir);
    await other.gc({ keepSizeBytes: 0 });
    expect([rig.store.find(KEY) !== undefined, rig.store.has(unnamed)]).toEqual([true, true]);
  });

  test('a use counts once an hour', async () => {
    await using rig = await GraphRig.create();
    rig.store.results.write(KEY, '{}', { id: 'a/b', outputs: {}, durationMs: 1, cpuSeconds: 0 });
    const before = (Date.now() - TOUCH_MS) / 1000 - 60;
    utimesSync(rig.store.results.path(KEY), before, before);
    rig.store.find(KEY);
    expect(lstatSync(rig.store.results.path(KEY)).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
  });
});

test('nothing half-done is left in a closed store', async () => {
  await using rig = await GraphRig.create();
  const store = await Store.open(rig.store.dir);
  mkdirSync(join(store.makeWorkDir().path, 'read-only'), { mode: 0o555 });
  await store[Symbol.asyncDispose]();
  expect(lstatSync(store.session.dir, { throwIfNoEntry: false })).toBeUndefined();
});
