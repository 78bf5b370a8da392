import { rename } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { BuildError } from '../errors.ts';
import { parseSha256 } from '../graph/digest.ts';
import type { Store } from '../graph/store.ts';
import type { Output, RunContext } from '../graph/task.ts';
import { poolAddresses, snapshotAddresses } from '../sources/debian-pool.ts';
import { download } from '../sources/download.ts';
import type { Wanted } from '../sources/download.ts';
import type { Mirrors } from '../sources/mirrors.ts';
import { OFFLINE_HINT } from '../sources/offline.ts';
import { partsDirOf } from '../sources/supply.ts';
import type { Supply } from '../sources/supply.ts';
import { lockFile } from './definition.ts';
import type { HostRoot } from './definition.ts';
import type { Lock, LockedPackage } from './lock.ts';

/** More than a mirror's round trip can hide, fewer than it minds. */
const PARALLEL = 12;

/** A locked package, in the store. */
export interface FetchedPackage {
  readonly name: string;
  /** `bash_5.2-1_amd64.deb` */
  readonly file: string;
  readonly deb: Output;
}

interface Errand {
  readonly lock: Lock;
  readonly supply: Supply;
}

/**
 * Brings the packages that the store does not have: each is a blob of it, so a new lock fetches what changed.
 * @throws BuildError source/...
 */
export async function fetchPackages(
  root: HostRoot,
  { lock, supply }: Errand,
  context: RunContext,
): Promise<readonly FetchedPackage[]> {
  const missing = missingPackages(lock, supply.store);
  if (missing.length > 0) {
    if (supply.network === 'offline') throw offline(root, missing);
    await fetchAll(missing, { lock, supply }, context);
  }
  return lock.packages.map((locked) => ({ name: locked.name, file: basename(locked.path), deb: outputOf(locked) }));
}

export function missingPackages(lock: Lock, store: Store): readonly LockedPackage[] {
  return lock.packages.filter((locked) => !store.has(outputOf(locked)));
}

async function fetchAll(
  missing: readonly LockedPackage[],
  { lock, supply }: Errand,
  context: RunContext,
): Promise<void> {
  const { store } = supply;
  const mirrors = await supply.mirrors();
  const giveUp = new AbortController();
  const signal = AbortSignal.any([context.signal, giveUp.signal]);
  const report = totalProgress(missing, context);
  // The largest go first: one that begins last would be waited for alone.
  const queue = missing.toSorted((a, b) => b.size - a.size);
  async function work(): Promise<void> {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { path } = next;
      const part = await download(wantedOf(next, lock, mirrors), {
        partsDir: partsDirOf(store),
        signal,
        onProgress: (done) => report(path, done),
      });
      const deb = join(context.workDir, `${next.sha256}.deb`);
      await rename(part, deb);
      await store.putFile(deb);
    }
  }
  const workers = Array.from({ length: PARALLEL }, work);
  try {
    await Promise.all(workers);
  } catch (error) {
    giveUp.abort();
    await Promise.allSettled(workers);
    throw error;
  }
}

function totalProgress(missing: readonly LockedPackage[], context: RunContext): (path: string, done: number) => void {
  const total = missing.reduce((sum, { size }) => sum + size, 0);
  const arrived = new Map<string, number>();
  let sum = 0;
  return (path, done) => {
    sum += done - (arrived.get(path) ?? 0);
    arrived.set(path, done);
    context.progress(sum, total, 'bytes');
  };
}

function wantedOf({ path, size, sha256 }: LockedPackage, { date }: Lock, mirrors: Mirrors): Wanted {
  const addresses = [...poolAddresses(path, mirrors), ...snapshotAddresses(path, date, mirrors)];
  return { name: basename(path), algorithm: 'sha256', digest: sha256, size, addresses };
}

function outputOf({ sha256, size }: LockedPackage): Output {
  return { type: 'file', digest: { hash: parseSha256(sha256), size } };
}

export function offline(root: HostRoot, missing: readonly LockedPackage[]): BuildError {
  const names = missing.map(({ path }) => basename(path));
  const shown = names.length <= 5 ? names.join(', ') : `${names.slice(0, 4).join(', ')} and ${names.length - 4} more`;
  return new BuildError(
    'source/offline',
    `Cannot fetch the packages of tool root "${root.name}": the network is off, and the store lacks ${shown}`,
    {
      at: { file: lockFile(root), line: 1, column: 1 },
      hint: OFFLINE_HINT,
    },
  );
}
