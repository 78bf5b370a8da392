/** Where a repository grows, beside where it will be: whatever ends before it is whole leaves nothing in its place. */
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { BuildError } from '../errors.ts';
import { digestFile, digestOf } from '../graph/digest.ts';
import { errorCode, removeTree } from '../graph/disk.ts';
import { syncDirectory } from './directory.ts';
import type { TargetFiles } from './editor.ts';
import type { Fleet } from './manifest.ts';
import { inParallel } from './parallel.ts';
import { targetFileName, targetFilesOf } from './targets.ts';
import type { StagedTarget } from './targets.ts';
import { waitingFile } from './waiting.ts';

/** A directory that a repository grows in, beside where it will be. */
export interface Stage extends AsyncDisposable {
  readonly dir: string;
  readonly targetsDir: string;
  readonly out: string;
  /** A target of these bytes. */
  add(name: string, bytes: Uint8Array): Promise<StagedTarget>;
}

export async function openStage(out: string): Promise<Stage> {
  await mkdir(dirname(out), { recursive: true });
  await sweep(dirname(out));
  const dir = join(dirname(out), `.new-${process.pid}-${Date.now()}`);
  const targetsDir = join(dir, 'targets');
  await mkdir(targetsDir, { recursive: true });
  const add = async (name: string, bytes: Uint8Array): Promise<StagedTarget> => {
    const digest = digestOf(bytes);
    const path = join(targetsDir, targetFileName(digest.hash, name));
    await writeSynced(path, bytes);
    return { ...digest, name, path, made: 'written' };
  };
  return { dir, out, targetsDir, add, [Symbol.asyncDispose]: () => removeTree(dir) };
}

/** What killed runs left. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = Number(/^\.new-(\d+)-\d+$/.exec(name)?.[1]);
    if (pid > 0 && pid !== process.pid && !isRunning(pid)) await removeTree(join(parent, name));
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== 'ESRCH';
  }
}

/** @throws BuildError tuf/exists */
export async function assertFree(out: string, fleet: Fleet, ifThere: 'fail' | 'replace'): Promise<void> {
  if (ifThere === 'replace') return;
  const dir = join(out, fleet.variant, fleet.arch);
  const waits = existsSync(waitingFile(out, fleet));
  if (!waits && !existsSync(dir)) return;
  const finding = waits ? 'one of that name waits for signatures' : 'it is there already';
  throw new BuildError('tuf/exists', `Cannot write repository "${dir}": ${finding}`, {
    hint: `To make it again, add --replace${waits ? '; to see whose signatures lack: npx tsx Makefile.ts repo waiting' : ''}`,
  });
}

/** Targets of an edition that waits for signatures: in their place, and read back as far as that goes without any. @throws BuildError tuf/wrong-digest */
export async function placeTargets(stage: Stage, staged: readonly StagedTarget[]): Promise<void> {
  await assertOnDisk(staged, targetFilesOf(staged));
  await moveTargets(stage, staged);
}

export async function moveTargets({ out }: Stage, staged: readonly StagedTarget[]): Promise<void> {
  await mkdir(join(out, 'targets'), { recursive: true });
  for (const { path } of staged) await rename(path, join(out, 'targets', basename(path)));
  await syncDirectory(join(out, 'targets'));
}

/** What we copied is read once more; a file that was hashed where it lies is what was hashed. */
export async function assertOnDisk(staged: readonly StagedTarget[], targets: TargetFiles): Promise<void> {
  await inParallel(staged, 4, async ({ name, path, made, ...digest }) => {
    const { hash, size } = made === 'linked' ? digest : await digestFile(path);
    if (targets[name]?.length === size && targets[name].hashes.sha256 === hash) return;
    throw new BuildError(
      'tuf/wrong-digest',
      `Cannot trust target "${name}": its bytes on disk are not those that were signed`,
    );
  });
}

export async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx', 0o644);
  await file.writeFile(bytes);
  await file.sync();
}
