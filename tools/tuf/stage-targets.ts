/** How files of this machine come into a stage: as themselves where both are on one file system, else as copies. */
import { linkSync, renameSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { BuildError, throwAll } from '../errors.ts';
import { errorCode } from '../graph/disk.ts';
import { copyAndDigest, settleAndDigest } from './copy.ts';
import { changed } from './directory.ts';
import { inParallel } from './parallel.ts';
import { targetFileName, targetNameComplaint } from './targets.ts';
import type { StagedTarget, TargetSource } from './targets.ts';

export interface StageOptions {
  /** The stage's targets folder. */
  readonly dir: string;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** Brings targets into the stage, hashed, and on disk when this ends. A file under two names is read once. */
export async function stageTargets(
  sources: readonly TargetSource[],
  options: StageOptions,
): Promise<readonly StagedTarget[]> {
  throwAll(sources.flatMap(({ name }) => targetNameComplaint(name) ?? []));
  await mkdir(options.dir, { recursive: true });
  const byPath = Map.groupBy(sources, ({ path }) => path);
  const sizes = new Map([...byPath.keys()].map((path) => [path, sizeOf(path)]));
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  let done = 0;
  // Also in the middle of a file: nobody waits for gigabytes after Ctrl-C.
  const count = (bytes: number): void => {
    options.signal.throwIfAborted();
    options.onProgress((done += bytes), total);
  };
  // The largest first: one that begins last would be waited for alone.
  const queue = [...byPath].toSorted(([a], [b]) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0));
  const staged = await inParallel(queue, availableParallelism() * 2, async ([path, names]) => {
    options.signal.throwIfAborted();
    return await stageOne(path, names, { dir: options.dir, count });
  });
  return staged.flat();
}

/**
 * All `names` are of this file. A build's outputs are replaced and never written into, so that a second name for one stands for the same
 * bytes for good; were it written into all the same, publishing hashes it once more on its way, and refuses.
 */
async function stageOne(
  path: string,
  names: readonly TargetSource[],
  { dir, count }: { readonly dir: string; readonly count: (bytes: number) => void },
): Promise<StagedTarget[]> {
  const [first] = names;
  if (first === undefined) return [];
  const aside = join(dir, `${first.name}.part`);
  const made = tryLink(path, aside) ? 'linked' : 'written';
  const digest = await (made === 'linked' ? settleAndDigest(aside, count) : copyAndDigest(path, aside, count));
  for (const { sha256 } of names) if (sha256 !== undefined && sha256 !== digest.hash) throw changed(path, sha256);
  return names.map(({ name }, index) => {
    const target = join(dir, targetFileName(digest.hash, name));
    // Two names for the same bytes take the room of one.
    const from = index === names.length - 1 ? aside : `${aside}.next`;
    if (from !== aside) linkSync(aside, from);
    renameSync(from, target);
    return { ...digest, name, path: target, made };
  });
}

/** Other file systems, those without links, files of other users: there it is copied. */
const NO_LINK = ['EXDEV', 'EPERM', 'EACCES', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP'];

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (NO_LINK.includes(errorCode(error) ?? '')) return false;
    throw error;
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (cause) {
    throw new BuildError('tuf/no-target-file', `Cannot read target "${path}"`, { cause });
  }
}
