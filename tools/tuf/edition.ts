/** What a repository is now, verified: the start of whatever comes next. */
import { createHash } from 'node:crypto';

import { BuildError } from '../errors.ts';
import type { TargetFiles } from './editor.ts';
import { loadRepository } from './load.ts';
import type { LoadedRepository } from './load.ts';
import { EMPTY_MANIFEST, MANIFEST_TARGET, parseManifest } from './manifest.ts';
import type { UpdateManifest } from './manifest.ts';
import type { Place } from './place.ts';
import { completeChain, followRoots, newest } from './roots.ts';
import type { RootChain } from './roots.ts';
import { targetFileName } from './targets.ts';

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
  /** Version of the trusted root under which it was published, where the newest has taken keys away since. */
  readonly fromRoot?: number | undefined;
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
  const { trusted, fromRoot } = options;
  const { metadata } = places;
  const base =
    fromRoot === undefined
      ? await loadRepository(metadata, options).catch((error: unknown) => Promise.reject(withWayOut(error, trusted)))
      : await loadRepository(metadata, { ...options, trusted: upTo(trusted, fromRoot), newerRoots: 'fixed' });
  if (base === 'absent') return 'absent';
  const { targets } = base.targets.signed;
  // Roots that were signed and are not published yet come with the next edition.
  const roots = await completeChain(await followRoots(trusted, metadata), metadata);
  return { roots, base, targets, manifest: await readManifest(places.targets, targets) };
}

/** @throws BuildError tuf/missing-root */
function upTo(trusted: RootChain, version: number): RootChain {
  const [first, ...others] = trusted.filter(({ signed }) => signed.version <= version);
  if (first !== undefined && newest([first, ...others]).signed.version === version) return [first, ...others];
  const known = trusted.map(({ signed }) => signed.version).join(', ');
  throw new BuildError('tuf/missing-root', `Cannot go on from root version ${version}: expected one of ${known}`);
}

/** What was published before a root took keys away is not signed by those that are left. Who took them over unasked could be made to sign what a thief has put there. */
function withWayOut(error: unknown, trusted: RootChain): unknown {
  const before = trusted.at(-2);
  if (!(error instanceof BuildError) || error.code !== 'tuf/below-threshold' || before === undefined) return error;
  const { version } = before.signed;
  return new BuildError(error.code, error.message, {
    cause: error.cause,
    hint: `Where that root took keys away and is not published yet: look through what is, then add --from-root ${version}`,
  });
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
