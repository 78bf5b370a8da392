import { lstatSync, readFileSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import { guardWrite, removeTree } from './disk.ts';
import { listFolder, listFolders, type Entry } from './listing.ts';
import { parseResult, TOUCH_MS, type Result } from './results.ts';
import { oldestLiveSession } from './session.ts';
import type { Store } from './store.ts';
import type { Output } from './task.ts';

export interface GarbageReport {
  readonly freedBytes: number;
  readonly keptBytes: number;
}

const LOG_DAYS = 7;

/**
 * Shrinks a store to `keepSizeBytes` of outputs: results unused for longest go first, then what no result names. Builds may run
 * meanwhile: whatever was used since the oldest of them began stays, whatever its size.
 */
export async function collectGarbage(
  store: Store,
  { keepSizeBytes }: { keepSizeBytes: number },
): Promise<GarbageReport> {
  if (!store.session.tryLock('gc')) {
    throw new BuildError('store/gc-running', `Cannot collect garbage in "${store.dir}": somebody else is at it`);
  }
  try {
    return await guardWrite(store.dir, () => collect(store, keepSizeBytes));
  } finally {
    store.session.unlock('gc');
  }
}

async function collect(store: Store, keepSizeBytes: number): Promise<GarbageReport> {
  // A use within the hour does not move the time stamp, so an hour is added to what builds may rely on.
  const protectedSinceMs = (oldestLiveSession(store.dir, store.session) ?? Date.now() + TOUCH_MS) - TOUCH_MS;
  const kept = new Map<string, number>();
  let keptBytes = 0;
  for (const record of recordsByUse(store)) {
    const added = newObjects(store, record, kept);
    const bytes = [...added.values()].reduce((sum, size) => sum + size, 0);
    if (record.mtimeMs < protectedSinceMs && keptBytes + bytes > keepSizeBytes) {
      unlinkSync(record.path);
      continue;
    }
    for (const [path, size] of added) kept.set(path, size);
    keptBytes += bytes;
  }
  const freedBytes = await removeUnnamed(store, kept, protectedSinceMs);
  store.results.forgetRemoved();
  dropOldLogs(store);
  return { freedBytes, keptBytes };
}

interface Used extends Entry {
  readonly result: Result | undefined;
}

function recordsByUse(store: Store): Used[] {
  return listFolders(join(store.dir, 'results'))
    .map((entry) => ({ ...entry, result: parseResult(readFileSync(entry.path, 'utf8')) }))
    .toSorted((a, b) => b.mtimeMs - a.mtimeMs);
}

/** Outputs of a record that no record before it has. */
function newObjects(store: Store, { result }: Used, kept: ReadonlyMap<string, number>): Map<string, number> {
  const paths = Object.values(result?.outputs ?? {}).map((output: Output) => store.pathOf(output));
  return new Map(paths.filter((path) => !kept.has(path)).map((path) => [path, diskBytes(path)]));
}

/** Blocks, not lengths: images are mostly holes. */
function diskBytes(path: string): number {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  const own = stats.blocks * 512;
  if (!stats.isDirectory()) return own;
  return readdirSync(path).reduce((sum, name) => sum + diskBytes(join(path, name)), own);
}

/** What was put since the oldest build began may be about to be named by a result. */
async function removeUnnamed(
  store: Store,
  kept: ReadonlyMap<string, number>,
  protectedSinceMs: number,
): Promise<number> {
  const objects = [...listFolder(join(store.dir, 'trees')), ...listFolders(join(store.dir, 'cas'))];
  let freed = 0;
  for (const { path, ctimeMs } of objects) {
    if (kept.has(path) || ctimeMs >= protectedSinceMs) continue;
    freed += diskBytes(path);
    // Out of sight first: a half-removed tree must not be found under its name.
    const aside = store.session.nextPath();
    await rename(path, aside);
    await removeTree(aside);
  }
  return freed;
}

function dropOldLogs(store: Store): void {
  const logs = join(store.dir, 'logs');
  for (const name of readdirSync(logs)) {
    const path = join(logs, name);
    const target = statSync(path, { throwIfNoEntry: false });
    const ageMs = Date.now() - (target?.mtimeMs ?? 0);
    if (ageMs > LOG_DAYS * 24 * 3600 * 1000) unlinkSync(path);
  }
}
