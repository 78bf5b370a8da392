/** What publishing would do, object by object: it looks at what is there and changes nothing. */
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import { digestOf } from '../graph/digest.ts';
import { DirectoryPlace } from './directory.ts';
import type { LoadedRepository } from './load.ts';
import { inParallel } from './parallel.ts';
import { interleaved } from './place.ts';
import type { LocalFile, WritablePlace, WriteOptions } from './place.ts';
import type { SignedRole } from './role.ts';
import { targetFileName } from './targets.ts';
import { rolesOf } from './write.ts';
import { baseOf, fleetsIn, loadWritten } from './written.ts';

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
const METADATA_MAX_BYTES = 16 << 20;

/** @throws BuildError tuf/interleaved, tuf/half-repository, tuf/overwritten, tuf/nothing-to-publish */
export async function planPublish(from: string, destination: Destination, now: Date): Promise<PublishPlan> {
  const fleets: FleetPlan[] = [];
  for (const fleet of await fleetsIn(from))
    fleets.push(await planFleet(join(from, fleet), fleet, { destination, now }));
  return { targets: await planTargets(join(from, 'targets'), fleets, destination.targets), fleets };
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
