import { join } from 'node:path';

import semver from 'semver';

import type { Arch } from '../config/arch.ts';
import type { ExpirationPolicy, WavePolicy } from '../config/repo-policy.ts';
import type { Variant } from '../config/variant.ts';
import type { Project } from '../config/project.ts';
import { BuildError } from '../errors.ts';
import { versionDirectory } from '../image/names.ts';
import { firstEdition, openEdition } from '../tuf/edition.ts';
import type { Edition } from '../tuf/edition.ts';
import { addUpdate, updatesOf } from '../tuf/manifest.ts';
import type { Fleet, UpdateManifest } from '../tuf/manifest.ts';
import { findChain, hopsOf } from '../tuf/migrations.ts';
import { joinAddress } from '../tuf/open-place.ts';
import type { RootChain } from '../tuf/roots.ts';
import type { TargetSource } from '../tuf/targets.ts';
import { printWaves, scheduleWaves } from '../tuf/waves.ts';
import type { WaveStyle } from '../tuf/waves.ts';
import { linkLatest } from '../tuf/write.ts';
import { writeEdition } from '../tuf/write-edition.ts';
import type { WaitingEdition, WrittenEdition } from '../tuf/write-edition.ts';
import { findBuiltUpdate, unpackMigrations } from './built-update.ts';
import type { BuiltUpdate } from './built-update.ts';
import { metadataPlace, targetsPlace } from './repo-address.ts';
import { ifLacking, readRoots, signersOf } from './update-repo.ts';
import type { UpdateRepo } from './update-repo.ts';

export interface CreateOptions {
  readonly waves: WavePolicy;
  readonly style: WaveStyle;
  readonly expiration: ExpirationPolicy;
  /** The release's start: what waves and expirations count from. */
  readonly start: Date;
  readonly now: Date;
  /** `new`: there is to be no repository yet. */
  readonly as: 'new' | 'next';
  readonly expiry: 'enforce' | 'ignore';
  /** Of the output folder. */
  readonly ifThere: 'fail' | 'replace';
  /** Of an update of the same version, and of targets of the same names. */
  readonly ifUpdateThere: 'fail' | 'replace';
  /** A folder for what other people's keys have to sign. */
  readonly signLater: string | undefined;
  readonly workDir: string;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

interface Created {
  readonly fleet: Fleet;
  readonly version: string;
  readonly update: 'first' | 'next';
}

export type CreatedUpdate = Created & (WrittenEdition | WaitingEdition);

/** Makes the repository that offers the newest build of a variant, on top of what is published. @throws BuildError tuf/..., image/not-built */
export async function createUpdate(
  repo: UpdateRepo,
  { project, variant, arch }: { project: Project; variant: Variant; arch: Arch },
  options: CreateOptions,
): Promise<CreatedUpdate> {
  const built = findBuiltUpdate(project, variant, arch);
  const fleet = { variant: variant.name, arch };
  const roots = await readRoots(repo);
  const edition = await openCurrent(repo, { fleet, roots }, options);
  const manifest = withUpdate(edition.manifest, { built, fleet, project }, options);
  const migrations =
    built.migrations === undefined ? [] : await unpackMigrations(built.migrations, join(options.workDir, 'migrations'));
  const sources: readonly TargetSource[] = [...built.sources, ...migrations];
  const lacking = ifLacking(repo, options.signLater);
  const written = await writeEdition(
    edition,
    { fleet, sources, manifest },
    {
      ...options,
      ifLacking: lacking,
      signers: signersOf(repo, lacking),
      out: join(repo.outDir, versionDirectory(built.name)),
      ifTargetDiffers: options.ifUpdateThere,
    },
  );
  linkLatest(written.dir);
  return { ...written, fleet, version: built.name.version, update: edition.base === undefined ? 'first' : 'next' };
}

/** What is published now, or the beginning of what is to be. @throws BuildError tuf/no-repository, tuf/repository-there */
async function openCurrent(
  repo: UpdateRepo,
  { fleet, roots }: { fleet: Fleet; roots: RootChain },
  { as, ...options }: CreateOptions,
): Promise<Edition> {
  const found = await findCurrent(repo, { fleet, roots }, options);
  if (repo.address === undefined || (found.base === undefined && as === 'new')) return found;
  const address = joinAddress(repo.address.metadata, fleet.variant, fleet.arch);
  if (found.base === undefined)
    throw new BuildError('tuf/no-repository', `Cannot find repository ${address}: there is nothing`, {
      hint: 'To begin one there, add --new',
    });
  if (as === 'next') return found;
  throw new BuildError(
    'tuf/repository-there',
    `Cannot begin a repository: ${address} has one, of targets version ${found.base.targets.signed.version}`,
    {
      hint: 'Leave out --new, and this build becomes its next update',
    },
  );
}

/** As it is published, or a first one where nothing is. */
export async function findCurrent(
  { address, fromRoot }: UpdateRepo,
  { fleet, roots }: { fleet: Fleet; roots: RootChain },
  { expiry, now }: Pick<CreateOptions, 'expiry' | 'now'>,
): Promise<Edition> {
  if (address === undefined) return firstEdition(roots);
  const places = { metadata: await metadataPlace(address, fleet), targets: await targetsPlace(address) };
  const found = await openEdition(places, { trusted: roots, fromRoot, expiry, now });
  return found === 'absent' ? firstEdition(roots) : found;
}

interface Addition {
  readonly built: BuiltUpdate;
  readonly fleet: Fleet;
  readonly project: Project;
}

/** With the update, and the migrations of Release.yaml beside those that are there. */
function withUpdate(
  manifest: UpdateManifest,
  { built, fleet, project }: Addition,
  options: CreateOptions,
): UpdateManifest {
  const waves = printWaves(scheduleWaves(options.waves, options.start, options.style));
  const { version } = built.name;
  const update = { ...fleet, version, waves, images: built.images };
  const added = addUpdate(manifest, update, options.ifUpdateThere);
  const all = { ...added, migrations: { ...added.migrations, ...project.release.migrations } };
  assertReachable(all, fleet, version);
  return all;
}

/** Hosts at a version without a chain of migrations to this one would fail to update. @throws BuildError tuf/no-migrations */
function assertReachable(manifest: UpdateManifest, fleet: Fleet, version: string): void {
  const hops = hopsOf(manifest.migrations);
  for (const { version: other } of updatesOf(manifest, fleet)) {
    const [low, high] = semver.sort([other, version]);
    if (low === undefined || high === undefined) continue;
    const chain = findChain(hops, low, high);
    if (!('stuckAt' in chain)) continue;
    throw new BuildError(
      'tuf/no-migrations',
      `Cannot offer ${version}: hosts at ${low} find no migrations from ${chain.stuckAt} to ${high}`,
      {
        hint: `Say in Release.yaml which there are, if only none: migrations: { "(${chain.stuckAt}, ${high})": [] }`,
      },
    );
  }
}
