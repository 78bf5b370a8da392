/** A repository on top of another: what is published now, what is to change, and the signed whole on disk. */
import { createHash } from 'node:crypto';

import { BuildError } from '../errors.ts';
import { signRepository } from './editor.ts';
import type { Kept, SignedRepository, SignOptions, TargetFiles } from './editor.ts';
import { loadRepository } from './load.ts';
import type { LoadedRepository } from './load.ts';
import { EMPTY_MANIFEST, MANIFEST_TARGET, parseManifest, printManifest } from './manifest.ts';
import type { Fleet, UpdateManifest } from './manifest.ts';
import type { Place } from './place.ts';
import { completeChain, newest } from './roots.ts';
import type { RootChain } from './roots.ts';
import { stageTargets } from './stage-targets.ts';
import { targetFileName, targetFilesOf } from './targets.ts';
import type { StagedTarget, TargetSource } from './targets.ts';
import { openStage, writeRepository } from './write.ts';
import type { WrittenRepository } from './write.ts';

/** What a repository is now: `base` is undefined for one that is not there yet. */
export interface Edition {
  readonly roots: RootChain;
  readonly base: LoadedRepository | undefined;
  readonly targets: TargetFiles;
  readonly manifest: UpdateManifest;
}

export interface Places {
  readonly metadata: Place;
  readonly targets: Place;
}

export interface OpenOptions {
  readonly trusted: RootChain;
  readonly expiry: 'enforce' | 'ignore';
  readonly now: Date;
}

/** A repository that begins. */
export function firstEdition(roots: RootChain): Edition {
  if (roots[0].signed.version !== 1)
    throw new BuildError(
      'tuf/missing-root',
      `Cannot begin a repository at root version ${roots[0].signed.version}: hosts want every root from 1 on`,
      {
        hint: 'Put the earlier ones beside it',
      },
    );
  return { roots, base: undefined, targets: {}, manifest: EMPTY_MANIFEST };
}

/** The repository of a place; `absent` only where there is no trace of one. @throws BuildError tuf/... */
export async function openEdition(places: Places, options: OpenOptions): Promise<Edition | 'absent'> {
  const base = await loadRepository(places.metadata, options);
  if (base === 'absent') return 'absent';
  const { targets } = base.targets.signed;
  const roots = longest(await completeChain(base.roots, places.metadata), options.trusted);
  return { roots, base, targets, manifest: await readManifest(places.targets, targets) };
}

/** Roots that were signed and are not published yet come with the next edition. */
function longest(published: RootChain, local: RootChain): RootChain {
  return newest(published).signed.version >= newest(local).signed.version ? published : local;
}

/** @throws BuildError tuf/no-manifest, tuf/wrong-digest */
export async function readManifest(place: Place, targets: TargetFiles): Promise<UpdateManifest> {
  const info = targets[MANIFEST_TARGET];
  if (info === undefined)
    throw new BuildError(
      'tuf/no-manifest',
      `Cannot read the updates of ${place.address}: its targets have no ${MANIFEST_TARGET}`,
    );
  const file = targetFileName(info.hashes.sha256, MANIFEST_TARGET);
  const found = await place.read(file, info.length);
  if (found === undefined)
    throw new BuildError(
      'tuf/half-repository',
      `Cannot read "${place.address}/${file}": the repository names it, and it is not there`,
    );
  const sha256 = createHash('sha256').update(found.bytes).digest('hex');
  if (sha256 === info.hashes.sha256 && found.bytes.byteLength === info.length) return parseManifest(found.bytes);
  throw new BuildError(
    'tuf/wrong-digest',
    `Cannot trust "${place.address}/${file}": expected SHA-256 ${info.hashes.sha256}, got ${sha256}`,
  );
}

export interface Change {
  readonly fleet: Fleet;
  /** Files that become targets beside those that are. */
  readonly sources: readonly TargetSource[];
  readonly manifest: UpdateManifest;
  /** Whole target lists of another edition, for a roll-back. */
  readonly targets?: TargetFiles;
}

export interface WriteEditionOptions extends SignOptions {
  readonly out: string;
  readonly ifThere: 'fail' | 'replace';
  readonly ifTargetDiffers: 'fail' | 'replace';
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

export interface WrittenEdition extends WrittenRepository {
  readonly repository: SignedRepository;
  readonly added: readonly StagedTarget[];
}

/** Stages, signs, writes and reads back. @throws BuildError tuf/... */
export async function writeEdition(
  edition: Edition,
  change: Change,
  options: WriteEditionOptions,
): Promise<WrittenEdition> {
  await using stage = await openStage(options.out);
  const staged = await stageTargets(change.sources, {
    dir: stage.targetsDir,
    signal: options.signal,
    onProgress: options.onProgress,
  });
  const before = change.targets ?? edition.targets;
  if (options.ifTargetDiffers === 'fail') assertSameBytes(before, staged);
  const manifest = await stage.add(MANIFEST_TARGET, printManifest(change.manifest));
  const added = [...staged, manifest];
  const targets = { ...before, ...targetFilesOf(added) };
  assertImages(change.manifest, targets, change.fleet);
  const repository = await signRepository({ roots: edition.roots, targets, base: edition.base }, options);
  const written = await writeRepository(stage, {
    repository,
    fleet: change.fleet,
    staged: added,
    base: edition.base,
    ifThere: options.ifThere,
  });
  return { ...written, repository, added };
}

/** Signs anew what is over the targets: no file changes, and no key of a kept role is needed. @throws BuildError tuf/... */
export async function renewEdition(
  { roots, targets, base }: Edition,
  { fleet, kept }: { readonly fleet: Fleet; readonly kept: Kept },
  options: Pick<WriteEditionOptions, 'out' | 'ifThere'> & SignOptions,
): Promise<WrittenEdition> {
  await using stage = await openStage(options.out);
  const repository = await signRepository({ roots, targets, base, kept }, options);
  const written = await writeRepository(stage, { repository, fleet, staged: [], base, ifThere: options.ifThere });
  return { ...written, repository, added: [] };
}

/** Hosts and caches know a target by its name: one name never stands for two contents. */
function assertSameBytes(before: TargetFiles, staged: readonly StagedTarget[]): void {
  for (const { name, hash } of staged) {
    const there = before[name]?.hashes.sha256;
    if (there === undefined || there === hash) continue;
    throw new BuildError(
      'tuf/target-differs',
      `Cannot add target "${name}": the repository has one of that name with SHA-256 ${there}, and this one has ${hash}`,
      {
        hint: 'Commit, so that the build has a name of its own; or, if no host can have taken it yet, add --replace-update',
      },
    );
  }
}

/** Every image and migration that the manifest names has to be there. */
function assertImages({ updates, migrations }: UpdateManifest, targets: TargetFiles, { variant, arch }: Fleet): void {
  const images = updates
    .filter((update) => update.variant === variant && update.arch === arch)
    .flatMap(({ images: { boot, root, hash } }) => [boot, root, hash]);
  const missing = [...images, ...Object.values(migrations).flat()].filter((name) => targets[name] === undefined);
  if (missing.length === 0) return;
  throw new BuildError(
    'tuf/missing-target',
    `Cannot write ${MANIFEST_TARGET}: it names targets that are not there: ${[...new Set(missing)].join(', ')}`,
  );
}
