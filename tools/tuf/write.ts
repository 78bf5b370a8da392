/**
 * Onto the disk, whole or not at all: built aside, flushed, read back by a client, then renamed into place.
 *
 *     <out>/targets/<sha256>.<name>                 shared by all fleets
 *     <out>/<variant>/<arch>/<n>.root.json ...      one fleet's metadata, renamed last
 */
import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { BuildError } from '../errors.ts';
import { digestFile, digestOf } from '../graph/digest.ts';
import { errorCode, removeTree } from '../graph/disk.ts';
import { openClient } from './client.ts';
import { DirectoryPlace, syncDirectory } from './directory.ts';
import type { SignedRepository } from './editor.ts';
import type { LoadedRepository } from './load.ts';
import type { Fleet } from './manifest.ts';
import { parseEnvelope, targetsSchema } from './metadata.ts';
import { inParallel } from './parallel.ts';
import type { SignedRole } from './role.ts';
import { targetFileName } from './targets.ts';
import type { StagedTarget } from './targets.ts';

/** Beside the metadata, never published: which timestamp it was made to follow. */
export const BASE_FILE = '.base.json';

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

export interface WriteRequest {
  readonly repository: SignedRepository;
  readonly fleet: Fleet;
  readonly staged: readonly StagedTarget[];
  readonly base: LoadedRepository | undefined;
  readonly ifThere: 'fail' | 'replace';
}

/** Where a repository was written and found good. */
export interface WrittenRepository {
  readonly dir: string;
  readonly metadataDir: string;
}

/** @throws BuildError tuf/exists, tuf/refused-by-client, tuf/wrong-digest */
export async function writeRepository(stage: Stage, request: WriteRequest): Promise<WrittenRepository> {
  const { repository, fleet, base, staged } = request;
  const metadataDir = join(stage.dir, fleet.variant, fleet.arch);
  const final = join(stage.out, fleet.variant, fleet.arch);
  await assertFree(final, request.ifThere);
  await mkdir(metadataDir, { recursive: true });
  for (const role of rolesOf(repository)) await writeSynced(join(metadataDir, role.fileName), role.bytes);
  await writeSynced(join(metadataDir, BASE_FILE), printBase(base));
  await readBack(stage, metadataDir, { repository, staged });
  await mkdir(join(stage.out, 'targets'), { recursive: true });
  for (const { path } of staged) await rename(path, join(stage.out, 'targets', basename(path)));
  await syncDirectory(join(stage.out, 'targets'));
  await mkdir(dirname(final), { recursive: true });
  if (request.ifThere === 'replace') await removeTree(final);
  await rename(metadataDir, final);
  await syncDirectory(dirname(final));
  return { dir: stage.out, metadataDir: final };
}

/** Timestamp last, as everywhere. */
export function rolesOf({ roots, targets, delegated, snapshot, timestamp }: SignedRepository): readonly SignedRole[] {
  return [...roots, ...delegated, targets, snapshot, timestamp];
}

function printBase(base: LoadedRepository | undefined): Uint8Array {
  return Buffer.from(`${JSON.stringify({ timestamp: base?.timestamp.meta.hashes?.sha256 ?? null })}\n`);
}

async function assertFree(dir: string, ifThere: 'fail' | 'replace'): Promise<void> {
  const found = await readdir(dir).catch(() => undefined);
  if (found === undefined || ifThere === 'replace') return;
  throw new BuildError('tuf/exists', `Cannot write repository "${dir}": it is there already`, {
    hint: 'To make it again, add --replace',
  });
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx', 0o644);
  await file.writeFile(bytes);
  await file.sync();
}

/** The bytes on disk, through a client that starts from the oldest root a host may have. */
async function readBack(
  stage: Stage,
  metadataDir: string,
  { repository, staged }: Pick<WriteRequest, 'repository' | 'staged'>,
): Promise<void> {
  const stateDir = join(stage.dir, 'client');
  await openClient({ place: new DirectoryPlace(metadataDir), root: repository.roots[0].bytes, stateDir });
  // What the client keeps is what it trusts. Asked for each target, it would check the whole role each time.
  const file = join(stateDir, 'targets.json');
  const { targets } = parseEnvelope(await readFile(file), targetsSchema, { file }).signed;
  await inParallel(staged, 4, async ({ name, path, made, ...digest }) => {
    const { hash, size } = made === 'linked' ? digest : await digestFile(path);
    if (targets[name]?.length === size && targets[name].hashes.sha256 === hash) return;
    throw new BuildError(
      'tuf/wrong-digest',
      `Cannot trust target "${name}": its bytes on disk are not those that were signed`,
    );
  });
  await rm(stateDir, { recursive: true });
}

/** `latest` beside the outputs of other runs. */
export function linkLatest(dir: string): void {
  const link = join(dirname(dir), 'latest');
  const aside = `${link}.part`;
  rmSync(aside, { force: true });
  symlinkSync(basename(dir), aside);
  renameSync(aside, link);
}
