/** manifest.json: the target that tells hosts which updates there are. Loose: what hosts of another age wrote or read is kept. */
import semver from 'semver';
import { z } from 'zod';

import { ARCHES } from '../config/arch.ts';
import type { Arch } from '../config/arch.ts';
import { BuildError } from '../errors.ts';
import { MAX_SEED } from './waves.ts';
import type { Waves } from './waves.ts';

export const MANIFEST_TARGET = 'manifest.json';

const version = z.string().refine((text) => semver.valid(text) === text, 'expected a version such as 1.2.3');
const seed = z
  .string()
  .regex(/^\d+$/)
  .refine((text) => Number(text) <= MAX_SEED, `expected a seed of at most ${MAX_SEED}`);

export const updateSchema = z.looseObject({
  variant: z.string().min(1),
  arch: z.enum(ARCHES),
  version,
  max_version: version,
  waves: z.record(seed, z.iso.datetime({ offset: true })),
  /** Names of targets. */
  images: z.looseObject({ boot: z.string(), root: z.string(), hash: z.string() }),
});

const manifestSchema = z.looseObject({
  updates: z.array(updateSchema),
  /** `(from, to)` -> targets that are run in this order. */
  migrations: z.record(z.string(), z.array(z.string())),
});

export type Update = z.output<typeof updateSchema>;
export type UpdateManifest = z.output<typeof manifestSchema>;

/** Whose updates: hosts look at no others. */
export interface Fleet {
  readonly variant: string;
  readonly arch: Arch;
}

export const EMPTY_MANIFEST: UpdateManifest = { updates: [], migrations: {} };

/** @throws BuildError tuf/bad-manifest with every finding */
export function parseManifest(bytes: Uint8Array): UpdateManifest {
  try {
    return manifestSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    const findings =
      cause instanceof z.ZodError ? cause.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) : [];
    throw new BuildError(
      'tuf/bad-manifest',
      `Cannot read ${MANIFEST_TARGET}: ${findings.join('; ') || 'expected JSON'}`,
      { cause },
    );
  }
}

/** Two spaces, no line feed at the end; migrations sorted as text. */
export function printManifest(manifest: UpdateManifest): Uint8Array {
  const migrations = Object.fromEntries(Object.entries(manifest.migrations).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return Buffer.from(JSON.stringify({ ...manifest, migrations }, undefined, 2));
}

export function updatesOf({ updates }: UpdateManifest, { variant, arch }: Fleet): readonly Update[] {
  return updates.filter((update) => update.variant === variant && update.arch === arch);
}

/** @throws BuildError tuf/no-such-update */
export function findUpdate(manifest: UpdateManifest, fleet: Fleet, wanted: string): Update {
  const updates = updatesOf(manifest, fleet);
  const found = updates.find((update) => update.version === wanted);
  if (found !== undefined) return found;
  const known = updates.map((update) => update.version).join(', ') || 'none';
  throw new BuildError(
    'tuf/no-such-update',
    `Cannot find version ${wanted} of ${fleet.variant} for ${fleet.arch}: the repository has ${known}`,
  );
}

export interface NewUpdate extends Fleet {
  readonly version: string;
  readonly waves: Waves;
  readonly images: Update['images'];
}

/**
 * Adds an update; the greatest version that hosts may have rises with it, for all of its fleet.
 * @throws BuildError tuf/same-version-twice
 */
export function addUpdate(manifest: UpdateManifest, update: NewUpdate, ifThere: 'fail' | 'replace'): UpdateManifest {
  const same = (other: Update): boolean =>
    other.variant === update.variant && other.arch === update.arch && other.version === update.version;
  if (ifThere === 'fail' && manifest.updates.some(same)) throw twice(update);
  const others = manifest.updates.filter((other) => !same(other));
  const versions = [
    update.version,
    ...updatesOf({ ...manifest, updates: others }, update).map((other) => other.max_version),
  ];
  const max = semver.rsort(versions)[0] ?? update.version;
  return setMaxVersion({ ...manifest, updates: [...others, { ...update, max_version: max }] }, update, max);
}

function twice({ variant, arch, version: added }: NewUpdate): BuildError {
  return new BuildError(
    'tuf/same-version-twice',
    `Cannot add version ${added} of ${variant} for ${arch}: the repository has it`,
    {
      hint: 'Give Release.yaml a new version; or, if no host can have taken it yet, put this one in its place: --replace-update',
    },
  );
}

export function setMaxVersion(manifest: UpdateManifest, fleet: Fleet, max: string): UpdateManifest {
  return mapUpdates(manifest, fleet, (update) => ({ ...update, max_version: max }));
}

export function setWaves(
  manifest: UpdateManifest,
  fleet: Fleet,
  { version: wanted, waves }: { version: string; waves: Waves },
): UpdateManifest {
  findUpdate(manifest, fleet, wanted);
  return mapUpdates(manifest, fleet, (update) => (update.version === wanted ? { ...update, waves } : update));
}

export function withdraw(manifest: UpdateManifest, fleet: Fleet, wanted: string): UpdateManifest {
  const gone = findUpdate(manifest, fleet, wanted);
  return { ...manifest, updates: manifest.updates.filter((update) => update !== gone) };
}

function mapUpdates(
  manifest: UpdateManifest,
  { variant, arch }: Fleet,
  map: (update: Update) => Update,
): UpdateManifest {
  const updates = manifest.updates.map((update) =>
    update.variant === variant && update.arch === arch ? map(update) : update,
  );
  return { ...manifest, updates };
}

/**
 * What a host at `current` goes to once all waves are out: the hosts' rule. The newest update that is no newer than its own max_version and
 * either is newer than the host or finds it above that max_version.
 */
export function choice(updates: readonly Update[], current: string): string | undefined {
  return updates
    .filter((update) => semver.lte(update.version, update.max_version))
    .toSorted((a, b) => semver.rcompare(a.version, b.version))
    .find((update) => semver.lt(current, update.version) || semver.gt(current, update.max_version))?.version;
}

export interface Downgrade {
  readonly from: string;
  readonly to: string;
}

/** Versions in the field that hosts would step down from after a change, and did not before. */
export function downgrades(before: UpdateManifest, after: UpdateManifest, fleet: Fleet): readonly Downgrade[] {
  const field = semver.sort([
    ...new Set([...updatesOf(before, fleet), ...updatesOf(after, fleet)].map((update) => update.version)),
  ]);
  return field.flatMap((from) => {
    const to = choice(updatesOf(after, fleet), from);
    const steppedDown = choice(updatesOf(before, fleet), from);
    return to !== undefined && semver.lt(to, from) && steppedDown !== to ? [{ from, to }] : [];
  });
}
