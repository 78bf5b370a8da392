/**
 * Onto the disk, whole or not at all: built aside, flushed, read back by a client, then renamed into place.
 *
 *     <out>/targets/<sha256>.<name>                 shared by all fleets
 *     <out>/<variant>/<arch>/<n>.root.json ...      one fleet's metadata, renamed last
 */
import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { errorCode } from '../graph/disk.ts';
import { openClient } from './client.ts';
import { DirectoryPlace, syncDirectory } from './directory.ts';
import type { SignedRepository } from './editor.ts';
import type { LoadedRepository } from './load.ts';
import type { Fleet } from './manifest.ts';
import { parseEnvelope, targetsSchema } from './metadata.ts';
import type { SignedRole } from './role.ts';
import { assertFree, assertOnDisk, moveTargets, writeSynced } from './stage.ts';
import type { Stage } from './stage.ts';
import type { StagedTarget } from './targets.ts';
import { removeWaiting } from './waiting.ts';

/** Beside the metadata, never published: which timestamp it was made to follow. */
export const BASE_FILE = '.base.json';

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
  await assertFree(stage.out, fleet, request.ifThere);
  await mkdir(metadataDir, { recursive: true });
  for (const role of rolesOf(repository)) await writeSynced(join(metadataDir, role.fileName), role.bytes);
  await writeSynced(join(metadataDir, BASE_FILE), printBase(base));
  await readBack(stage, metadataDir, { repository, staged });
  await moveTargets(stage, staged);
  await mkdir(dirname(final), { recursive: true });
  // Aside and not away: the moment in which neither is there is that of a rename, and the stage takes the old one with it.
  if (request.ifThere === 'replace') await rename(final, join(stage.dir, 'old')).catch(unlessAbsent);
  await rename(metadataDir, final);
  await syncDirectory(dirname(final));
  await removeWaiting(stage.out, fleet);
  return { dir: stage.out, metadataDir: final };
}

function unlessAbsent(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error;
}

/** Timestamp last, as everywhere. */
export function rolesOf({ roots, targets, delegated, snapshot, timestamp }: SignedRepository): readonly SignedRole[] {
  return [...roots, ...delegated, targets, snapshot, timestamp];
}

function printBase(base: LoadedRepository | undefined): Uint8Array {
  return Buffer.from(`${JSON.stringify({ timestamp: base?.timestamp.meta.hashes?.sha256 ?? null })}\n`);
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
  await assertOnDisk(staged, targets);
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
