/**
 * From a directory of this machine to where hosts read: targets first, then metadata that has a version in its name, and the timestamp last and
 * only over the one that this repository was made to follow. Until then nobody sees any of it; afterwards everybody sees all of it. A run
 * that was killed is begun again: what is there already is kept.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { BuildError } from '../errors.ts';
import { digestOf } from '../graph/digest.ts';
import { DirectoryPlace } from './directory.ts';
import { loadRepository } from './load.ts';
import type { LoadedRepository } from './load.ts';
import { inParallel } from './parallel.ts';
import { interleaved } from './place.ts';
import type { LocalFile, WritablePlace, WriteOptions } from './place.ts';
import { readRootDirectory } from './roots.ts';
import type { SignedRole } from './role.ts';
import { targetFileName } from './targets.ts';
import { BASE_FILE, rolesOf } from './write.ts';

/** What becomes of one object. */
export interface Step {
  readonly path: string;
  readonly what: 'add' | 'change' | 'keep';
  readonly size: number;
}

export interface TargetStep extends Step {
  /** Undefined where the object is there and this machine has no copy. */
  readonly file: LocalFile | undefined;
}

export interface RoleStep extends Step {
  readonly role: SignedRole;
  readonly condition: WriteOptions['onlyOver'];
}

/** The metadata of one fleet, in the order in which it is written. */
export interface FleetPlan {
  /** `<variant>/<arch>` */
  readonly fleet: string;
  readonly place: WritablePlace;
  readonly repository: LoadedRepository;
  readonly roles: readonly RoleStep[];
}

export interface PublishPlan {
  readonly targets: readonly TargetStep[];
  readonly fleets: readonly FleetPlan[];
}

export interface Destination {
  /** The place of a fleet's metadata. */
  readonly metadata: (fleet: string) => Promise<WritablePlace>;
  readonly targets: WritablePlace;
}

const PARALLEL = 8;
const TIMESTAMP_AGE_SECONDS = 60;
const FOREVER_SECONDS = 365 * 86_400;
const METADATA_MAX_BYTES = 16 << 20;

/** @throws BuildError tuf/interleaved, tuf/half-repository, tuf/overwritten, tuf/nothing-to-publish */
export async function planPublish(from: string, destination: Destination, now: Date): Promise<PublishPlan> {
  const fleets: FleetPlan[] = [];
  for (const fleet of await fleetsIn(from))
    fleets.push(await planFleet(join(from, fleet), fleet, { destination, now }));
  return { targets: await planTargets(join(from, 'targets'), fleets, destination.targets), fleets };
}

/** @throws BuildError tuf/nothing-to-publish */
export async function fleetsIn(dir: string): Promise<readonly string[]> {
  const found = await readdir(dir, { recursive: true }).catch(() => []);
  const fleets = found
    .filter((path) => /^[^/]+\/[^/]+\/timestamp\.json$/.test(path))
    .map((path) => path.replace(/\/timestamp\.json$/, ''));
  if (fleets.length > 0) return fleets.toSorted();
  throw new BuildError('tuf/nothing-to-publish', `Cannot publish "${dir}": it has no <variant>/<arch>/timestamp.json`, {
    hint: 'Make a repository first: npx tsx Makefile.ts repo create --variant <name>',
  });
}

/** A repository that this machine made: its chain of roots begins with the oldest a host may have. */
export async function loadWritten(dir: string, now: Date): Promise<LoadedRepository> {
  const trusted = await readRootDirectory(dir);
  const loaded =
    trusted === undefined
      ? 'absent'
      : await loadRepository(new DirectoryPlace(dir), { trusted, expiry: 'enforce', now });
  if (loaded === 'absent')
    throw new BuildError('tuf/nothing-to-publish', `Cannot read repository "${dir}": it has no root and timestamp`);
  return { ...loaded, roots: trusted ?? loaded.roots };
}

async function planFleet(
  dir: string,
  fleet: string,
  { destination, now }: { destination: Destination; now: Date },
): Promise<FleetPlan> {
  const repository = await loadWritten(dir, now);
  const place = await destination.metadata(fleet);
  const roles = await inParallel(rolesOf(repository), PARALLEL, async (role) =>
    role.role === 'timestamp' ? await planTimestamp(role, place, await baseOf(dir)) : await planVersioned(role, place),
  );
  return { fleet, place, repository, roles };
}

/** Its name holds its version: what is there has to be the same. */
async function planVersioned(role: SignedRole, place: WritablePlace): Promise<RoleStep> {
  const path = role.fileName;
  const found = await place.read(path, METADATA_MAX_BYTES);
  const size = role.bytes.byteLength;
  if (found === undefined) return { path, what: 'add', size, role, condition: 'absent' };
  if (Buffer.compare(found.bytes, role.bytes) === 0) return { path, what: 'keep', size, role, condition: undefined };
  throw new BuildError(
    'tuf/overwritten',
    `Cannot publish ${place.address}/${path}: another file of that name is there`,
    {
      hint: 'Two people have signed the same version. Make the repository again on top of what is published',
    },
  );
}

async function planTimestamp(role: SignedRole, place: WritablePlace, base: string | null): Promise<RoleStep> {
  const path = role.fileName;
  const size = role.bytes.byteLength;
  const found = await place.read(path, METADATA_MAX_BYTES);
  if (found === undefined) {
    if (base === null) return { path, what: 'add', size, role, condition: 'absent' };
    throw new BuildError(
      'tuf/half-repository',
      `Cannot publish to ${place.address}: the repository that this one follows is not there`,
      {
        hint: 'Publish where it came from; for a copy elsewhere, copy all of it',
      },
    );
  }
  const digest = digestOf(found.bytes).hash;
  if (digest === digestOf(role.bytes).hash) return { path, what: 'keep', size, role, condition: undefined };
  if (digest !== base || found.etag === undefined) throw interleaved(`${place.address}/${path}`);
  return { path, what: 'change', size, role, condition: { etag: found.etag } };
}

const baseSchema = z.strictObject({ timestamp: z.string().nullable() });

async function baseOf(dir: string): Promise<string | null> {
  try {
    return baseSchema.parse(JSON.parse(await readFile(join(dir, BASE_FILE), 'utf8'))).timestamp;
  } catch (cause) {
    throw new BuildError(
      'tuf/nothing-to-publish',
      `Cannot read "${join(dir, BASE_FILE)}", which says what this repository follows`,
      { cause },
    );
  }
}

/** Every target that any fleet names: from here, or there already. */
async function planTargets(
  dir: string,
  fleets: readonly FleetPlan[],
  place: WritablePlace,
): Promise<readonly TargetStep[]> {
  const wanted = new Map<string, { sha256: string; size: number }>();
  for (const { repository } of fleets) {
    for (const role of [repository.targets, ...repository.delegated])
      for (const [name, { hashes, length }] of Object.entries(role.signed.targets))
        wanted.set(targetFileName(hashes.sha256, name), { sha256: hashes.sha256, size: length });
  }
  const local = new DirectoryPlace(dir);
  return await inParallel(
    [...wanted].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    PARALLEL,
    async ([path, { sha256, size }]): Promise<TargetStep> => {
      const [here, there] = await Promise.all([local.stat(path), place.stat(path)]);
      const file = here === undefined ? undefined : { path: join(dir, path), sha256, size };
      if (there !== undefined && there.size === size && (there.sha256 ?? sha256) === sha256)
        return { path, what: 'keep', size, file };
      if (file !== undefined) return { path, what: there === undefined ? 'add' : 'change', size, file };
      const finding = there === undefined ? 'it is not there' : `it has ${there.size} bytes and not ${size}`;
      throw new BuildError(
        'tuf/half-repository',
        `Cannot publish over ${place.address}/${path}: the repository names it, ${finding}, and there is no copy here`,
      );
    },
  );
}

export interface ApplyOptions {
  readonly targets: WritablePlace;
  readonly now: Date;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** @throws BuildError tuf/interleaved, tuf/changed-file, tuf/not-read-back */
export async function applyPublish({ targets, fleets }: PublishPlan, options: ApplyOptions): Promise<void> {
  const pending = targets.filter(({ what }) => what !== 'keep');
  const total = pending.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  await inParallel(pending, PARALLEL, async ({ path, file }) => {
    options.signal.throwIfAborted();
    if (file !== undefined)
      await options.targets.writeFile(path, file, (bytes) => options.onProgress((done += bytes), total));
  });
  for (const plan of fleets) {
    options.signal.throwIfAborted();
    await applyFleet(plan, options.now);
  }
}

async function applyFleet({ place, repository, roles }: FleetPlan, now: Date): Promise<void> {
  for (const { path, what, role, condition } of roles) {
    if (what === 'keep') continue;
    const maxAgeSeconds = role.role === 'timestamp' ? TIMESTAMP_AGE_SECONDS : FOREVER_SECONDS;
    await place.writeBytes(path, role.bytes, {
      maxAgeSeconds,
      ...(condition === undefined ? {} : { onlyOver: condition }),
    });
  }
  const back = await loadRepository(place, { trusted: [repository.roots[0]], expiry: 'enforce', now });
  if (back !== 'absent' && Buffer.compare(back.timestamp.bytes, repository.timestamp.bytes) === 0) return;
  throw new BuildError('tuf/not-read-back', `Cannot read back what was published at ${place.address}`);
}
