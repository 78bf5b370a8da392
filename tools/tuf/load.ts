/**
 * Reads a repository as a client does (TUF 5.3 to 5.6), and says of what it refuses which role, which rule, what is there and what was
 * expected. Nothing is remembered between runs: against roll-backs of what was seen before, see client.ts.
 */
import { BuildError } from '../errors.ts';
import { snapshotSchema, timestampSchema } from './metadata.ts';
import type { Snapshot, Targets, Timestamp } from './metadata.ts';
import type { Place } from './place.ts';
import type { SignedRole } from './role.ts';
import { assertFresh, RoleReader } from './role-reader.ts';
import type { Freshness } from './role-reader.ts';
import { followRoots, newest } from './roots.ts';
import type { RootChain } from './roots.ts';
import { authorityOf } from './trust.ts';

export interface LoadedRepository {
  /** From the first trusted root to the newest. */
  readonly roots: RootChain;
  readonly timestamp: SignedRole<Timestamp>;
  readonly snapshot: SignedRole<Snapshot>;
  readonly targets: SignedRole<Targets>;
  /** All roles that targets delegate to, in the order they are found. */
  readonly delegated: readonly SignedRole<Targets>[];
  readonly timestampEtag: string | undefined;
}

export interface LoadOptions extends Freshness {
  readonly trusted: RootChain;
  /** `fixed`: it is to be signed by the keys of the last trusted root, though there be newer ones. They are followed unless told. */
  readonly newerRoots?: 'followed' | 'fixed';
}

const TIMESTAMP_MAX_BYTES = 1 << 20;
const SNAPSHOT_MAX_BYTES = 1 << 20;

/**
 * `absent` only where there is no trace of a repository: what lacks one file of it is broken, and what may not be read is not absent.
 * @throws BuildError tuf/...
 */
export async function loadRepository(place: Place, options: LoadOptions): Promise<LoadedRepository | 'absent'> {
  const { trusted, newerRoots = 'followed' } = options;
  const roots = newerRoots === 'followed' ? await followRoots(trusted, place) : trusted;
  const root = newest(roots).signed;
  assertFresh(newest(roots), options);
  const found = await place.read('timestamp.json', TIMESTAMP_MAX_BYTES);
  if (found === undefined) return await assertNothing(place);
  const reader = new RoleReader(place, options);
  const timestamp = reader.check(
    'timestamp',
    { bytes: found.bytes, schema: timestampSchema },
    authorityOf(root, 'timestamp'),
  );
  const snapshotMeta = timestamp.signed.meta['snapshot.json'];
  const snapshot = await reader.read(
    'snapshot',
    { meta: snapshotMeta, schema: snapshotSchema, maxBytes: SNAPSHOT_MAX_BYTES },
    authorityOf(root, 'snapshot'),
  );
  const targets = await reader.readTargets('targets', snapshot.signed, authorityOf(root, 'targets'));
  const delegated = await reader.readDelegated(targets, snapshot.signed);
  return { roots, timestamp, snapshot, targets, delegated, timestampEtag: found.etag };
}

/** A repository whose timestamp alone is missing is no empty place. */
async function assertNothing(place: Place): Promise<'absent'> {
  const trace =
    (await place.list('')) ??
    ((await place.read('1.root.json', TIMESTAMP_MAX_BYTES)) === undefined ? [] : ['1.root.json']);
  const metadata = trace.filter((name) => /\.(root|targets|snapshot)\.json$/.test(name));
  if (metadata.length === 0) return 'absent';
  throw new BuildError(
    'tuf/half-repository',
    `Cannot read repository ${place.address}: it has ${metadata[0]} but no timestamp.json`,
    {
      hint: 'Bring it back from a copy, or finish publishing: npx tsx Makefile.ts repo publish',
    },
  );
}
