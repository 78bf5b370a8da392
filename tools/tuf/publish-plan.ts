/** What publishing would do, object by object: it looks at what is there and changes nothing. */
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import { digestOf } from '../graph/digest.ts';
import type { LoadedRepository } from './load.ts';
import { inParallel } from './parallel.ts';
import { interleaved } from './place.ts';
import type { WritablePlace, WriteOptions } from './place.ts';
import { planTargets } from './publish-target-plan.ts';
import type { Step, TargetStep } from './publish-target-plan.ts';
import type { SignedRole } from './role.ts';
import { rolesOf } from './write.ts';
import { baseOf, fleetsIn, loadWritten } from './written.ts';

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
  const roles = fleets.flatMap(({ repository: { targets, delegated } }) => [targets, ...delegated]);
  return { targets: await planTargets(join(from, 'targets'), roles, destination.targets), fleets };
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
