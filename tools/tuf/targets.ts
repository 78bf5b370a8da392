import { link, mkdir, rename, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { BuildError, throwAll } from '../errors.ts';
import type { Digest } from '../graph/digest.ts';
import { errorCode } from '../graph/disk.ts';
import { copyAndDigest } from './copy.ts';
import { changed } from './directory.ts';
import type { TargetFiles } from './editor.ts';
import { inParallel } from './parallel.ts';

/** A file of this machine that is to become a target. */
export interface TargetSource {
  readonly name: string;
  readonly path: string;
  /** What it has to be, where someone knows. */
  readonly sha256?: string | undefined;
}

/** A target in the stage, as `<sha256>.<name>`. */
export interface StagedTarget extends Digest {
  readonly name: string;
  readonly path: string;
}

export interface StageOptions {
  /** The stage's targets folder. */
  readonly dir: string;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** Copies targets into the stage and hashes what it writes. A file under two names is read once. */
export async function stageTargets(
  sources: readonly TargetSource[],
  options: StageOptions,
): Promise<readonly StagedTarget[]> {
  throwAll(sources.flatMap(({ name }) => targetNameComplaint(name) ?? []));
  await mkdir(options.dir, { recursive: true });
  const byPath = Map.groupBy(sources, ({ path }) => path);
  const sizes = new Map(await Promise.all([...byPath.keys()].map(async (path) => [path, await sizeOf(path)] as const)));
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  let done = 0;
  const count = (bytes: number): void => options.onProgress((done += bytes), total);
  // The largest first: one that begins last would be waited for alone.
  const queue = [...byPath].toSorted(([a], [b]) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0));
  const staged = await inParallel(queue, availableParallelism() * 2, async ([path, names]) => {
    options.signal.throwIfAborted();
    return await stageOne(path, names, { dir: options.dir, count });
  });
  return staged.flat();
}

async function stageOne(
  path: string,
  names: readonly TargetSource[],
  { dir, count }: { dir: string; count: (bytes: number) => void },
): Promise<StagedTarget[]> {
  const [first] = names;
  if (first === undefined) return [];
  const aside = join(dir, `${first.name}.part`);
  const digest = await copyAndDigest(path, aside, count);
  for (const { sha256 } of names) if (sha256 !== undefined && sha256 !== digest.hash) throw changed(path, sha256);
  const staged = names.map(({ name }) => ({ ...digest, name, path: join(dir, targetFileName(digest.hash, name)) }));
  for (const { path: target } of staged) await linkOver(aside, target);
  await rm(aside);
  return staged;
}

/** Two names for the same bytes take the room of one. */
async function linkOver(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    const second = `${to}.part`;
    await link(from, second);
    await rename(second, to);
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    throw new BuildError('tuf/no-target-file', `Cannot read target "${path}"`, { cause });
  }
}

export function targetFileName(sha256: string, name: string): string {
  return `${sha256}.${name}`;
}

export function targetFilesOf(staged: readonly StagedTarget[]): TargetFiles {
  return Object.fromEntries(staged.map(({ name, hash, size }) => [name, { length: size, hashes: { sha256: hash } }]));
}

/**
 * Names are flat: of those with a `/`, clients disagree where the digest goes. And they climb nowhere, whatever joins them to a path.
 */
export function targetNameComplaint(name: string): BuildError | undefined {
  if (/^[A-Za-z0-9_][A-Za-z0-9._+~-]{0,199}$/.test(name)) return undefined;
  const expected = 'letters, digits and "._+~-", at most 200, the first of them no "." or "-"';
  return new BuildError(
    'tuf/bad-target-name',
    `Cannot take ${JSON.stringify(name)} as the name of a target: expected ${expected}`,
  );
}
