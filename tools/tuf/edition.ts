/** What a repository is now, verified: the start of whatever comes next. */
import { createHash } from 'node:crypto';

import { BuildError } from '../errors.ts';
import type { TargetFiles } from './editor.ts';
import { loadRepository } from './load.ts';
import type { LoadedRepository } from './load.ts';
import { EMPTY_MANIFEST, MANIFEST_TARGET, parseManifest } from './manifest.ts';
import type { UpdateManifest } from './manifest.ts';
import type { Place } from './place.ts';
import { completeChain, newest } from './roots.ts';
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
