import { BuildError } from '../errors.ts';
import { readManifest } from './edition.ts';
import type { Edition, Places } from './edition.ts';
import type { TargetFiles } from './editor.ts';
import type { UpdateManifest } from './manifest.ts';
import { parseEnvelope, targetsSchema } from './metadata.ts';
import { inParallel } from './parallel.ts';
import { targetFileName } from './targets.ts';
import { authorityOf, goodSigners } from './trust.ts';

export interface Earlier {
  readonly targets: TargetFiles;
  readonly manifest: UpdateManifest;
  /** Version of the newest root whose keys have signed it. */
  readonly root: number;
}

const MAX_BYTES = 10 << 20;

/** Versions of the targets role that are still there, the newest first. @throws BuildError tuf/no-list */
export async function earlierVersions({ metadata }: Places): Promise<readonly number[]> {
  const names = await metadata.list('');
  if (names === undefined)
    throw new BuildError(
      'tuf/no-list',
      `Cannot tell which versions there are at ${metadata.address}: it gives no list`,
      {
        hint: 'Name where it is published, by --base file:<directory> or s3://<bucket>/<prefix>, or the version by --to',
      },
    );
  return names
    .map((name) => Number(/^(\d+)\.targets\.json$/.exec(name)?.[1]))
    .filter((version) => version > 0)
    .toSorted((a, b) => b - a);
}

/**
 * What a repository held at an earlier version. Its signatures have to be good under one of the roots there were: old metadata in a
 * published folder proves nothing by lying there.
 * @throws BuildError tuf/no-such-version, tuf/below-threshold, tuf/half-repository
 */
export async function readEarlier(places: Places, { roots }: Edition, version: number): Promise<Earlier> {
  const file = `${version}.targets.json`;
  const found = await places.metadata.read(file, MAX_BYTES);
  if (found === undefined) throw await noSuchVersion(places, version);
  const envelope = parseEnvelope(found.bytes, targetsSchema, { file });
  const trusted = roots.findLast(({ signed }) => {
    const authority = authorityOf(signed, 'targets');
    return goodSigners(envelope.payload, envelope.signatures, authority).length >= authority.threshold;
  });
  if (trusted === undefined || envelope.signed.version !== version)
    throw new BuildError(
      'tuf/below-threshold',
      `Cannot trust "${places.metadata.address}/${file}": under none of the ${roots.length} roots it is signed by enough keys`,
    );
  const { targets } = envelope.signed;
  await assertThere(places, targets);
  return { targets, manifest: await readManifest(places.targets, targets), root: trusted.signed.version };
}

async function noSuchVersion(places: Places, version: number): Promise<BuildError> {
  const known = await earlierVersions(places).catch(() => []);
  return new BuildError(
    'tuf/no-such-version',
    `Cannot roll back to targets version ${version}: expected one of ${known.join(', ') || 'those that are there'}`,
  );
}

async function assertThere({ targets: place }: Places, targets: TargetFiles): Promise<void> {
  const missing = (
    await inParallel(Object.entries(targets), 8, async ([name, { hashes, length }]) => {
      const stat = await place.stat(targetFileName(hashes.sha256, name));
      return stat?.size === length ? undefined : name;
    })
  ).filter((name) => name !== undefined);
  if (missing.length === 0) return;
  throw new BuildError('tuf/half-repository', `Cannot roll back: targets are gone: ${missing.join(', ')}`);
}
