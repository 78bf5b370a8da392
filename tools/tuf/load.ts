/**
 * Reads a repository as a client does (TUF 5.3 to 5.6), and says of what it refuses which role, which rule, what is there and what was
 * expected. Nothing is remembered between runs: against roll-backs of what was seen before, see client.ts.
 */
import { createHash } from 'node:crypto';

import type { z } from 'zod';

import { BuildError } from '../errors.ts';
import { fileNameOf, parseEnvelope, snapshotSchema, targetsSchema, timestampSchema } from './metadata.ts';
import type { MetaFile, Signed, Snapshot, Targets, Timestamp } from './metadata.ts';
import type { Place } from './place.ts';
import { SignedRole } from './role.ts';
import { followRoots, newest, newestAt } from './roots.ts';
import type { RootChain } from './roots.ts';
import { authorityOf, delegatedAuthority } from './trust.ts';
import type { Authority } from './trust.ts';

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

export interface LoadOptions {
  readonly trusted: RootChain;
  readonly expiry: 'enforce' | 'ignore';
  readonly now: Date;
}

const TIMESTAMP_MAX_BYTES = 1 << 20;
const SNAPSHOT_MAX_BYTES = 1 << 20;
const TARGETS_MAX_BYTES = 10 << 20;
const MAX_DELEGATIONS = 256;

/**
 * `absent` only where there is no trace of a repository: what lacks one file of it is broken, and what may not be read is not absent.
 * @throws BuildError tuf/...
 */
export async function loadRepository(place: Place, options: LoadOptions): Promise<LoadedRepository | 'absent'> {
  const roots = await followRoots(options.trusted, place);
  const root = (await newestAt(place, roots)).signed;
  assertFresh(newest(roots), options);
  const found = await place.read('timestamp.json', TIMESTAMP_MAX_BYTES);
  if (found === undefined) return await assertNothing(place);
  const reader = new Reader(place, options);
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

interface Wanted<S> {
  readonly meta: MetaFile;
  readonly schema: S;
  readonly maxBytes: number;
}

class Reader {
  readonly #place: Place;
  readonly #options: LoadOptions;

  constructor(place: Place, options: LoadOptions) {
    this.#place = place;
    this.#options = options;
  }

  /** TUF 5.5 and 5.6: length and hashes as the role above says, then signatures, then the version, then the date. */
  async read<S extends z.ZodType<Signed>>(
    role: string,
    { meta, schema, maxBytes }: Wanted<S>,
    authority: Authority,
  ): Promise<SignedRole<z.output<S>>> {
    const file = fileNameOf(role, meta.version);
    const found = await this.#place.read(file, meta.length ?? maxBytes);
    if (found === undefined) throw absent(this.#shown(file));
    assertMeta(found.bytes, meta, this.#shown(file));
    const signed = this.check(role, { bytes: found.bytes, schema }, authority);
    if (signed.signed.version === meta.version) return signed;
    throw new BuildError(
      'tuf/wrong-version',
      `Cannot trust "${this.#shown(file)}": expected version ${meta.version}, got ${signed.signed.version}`,
    );
  }

  check<S extends z.ZodType<Signed>>(
    role: string,
    { bytes, schema }: { bytes: Uint8Array; schema: S },
    authority: Authority,
  ): SignedRole<z.output<S>> {
    const envelope = parseEnvelope(bytes, schema, { file: this.#shown(`${role}.json`) });
    const signed = SignedRole.fromBytes(role, { envelope, bytes }, [authority]);
    assertFresh(signed, this.#options);
    return signed;
  }

  async readTargets(role: string, snapshot: Snapshot, authority: Authority): Promise<SignedRole<Targets>> {
    const meta = snapshot.meta[`${role}.json`];
    if (meta === undefined) throw absent(`${role}.json in snapshot version ${snapshot.version}`);
    return await this.read(role, { meta, schema: targetsSchema, maxBytes: TARGETS_MAX_BYTES }, authority);
  }

  /** Every role once, however many delegate to it. */
  async readDelegated(top: SignedRole<Targets>, snapshot: Snapshot): Promise<readonly SignedRole<Targets>[]> {
    const found = new Map<string, SignedRole<Targets>>();
    const queue = [top];
    for (let parent = queue.shift(); parent !== undefined; parent = queue.shift()) {
      for (const { name } of parent.signed.delegations?.roles ?? []) {
        if (found.has(name) || found.size >= MAX_DELEGATIONS) continue;
        const authority = delegatedAuthority(parent.signed, name);
        if (authority === undefined) continue;
        const role = await this.readTargets(name, snapshot, authority);
        found.set(name, role);
        queue.push(role);
      }
    }
    return [...found.values()];
  }

  #shown(file: string): string {
    return `${this.#place.address.replace(/\/$/, '')}/${file}`;
  }
}

function assertMeta(bytes: Uint8Array, { length, hashes }: MetaFile, file: string): void {
  if (length !== undefined && bytes.byteLength !== length)
    throw new BuildError(
      'tuf/wrong-length',
      `Cannot trust "${file}": expected ${length} bytes, got ${bytes.byteLength}`,
    );
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (hashes !== undefined && hashes.sha256 !== sha256)
    throw new BuildError(
      'tuf/wrong-digest',
      `Cannot trust "${file}": expected SHA-256 ${hashes.sha256}, got ${sha256}`,
    );
}

/** TUF 5.3.10, 5.4.4, 5.5.6, 5.6.6: the end of the last second is the end. */
export function assertFresh({ role, signed }: SignedRole, { expiry, now }: Pick<LoadOptions, 'expiry' | 'now'>): void {
  if (expiry === 'ignore' || Date.parse(signed.expires) > now.getTime()) return;
  throw new BuildError(
    'tuf/expired',
    `Cannot trust ${role} version ${signed.version}: it expired at ${signed.expires}`,
    {
      hint:
        role === 'root'
          ? 'Sign a new root: npx tsx Makefile.ts root rotate'
          : 'Sign it again, and publish: npx tsx Makefile.ts repo refresh --allow-expired',
    },
  );
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

function absent(file: string): BuildError {
  return new BuildError('tuf/half-repository', `Cannot read "${file}": the repository names it, and it is not there`, {
    hint: 'Finish publishing what is half there: npx tsx Makefile.ts repo publish',
  });
}
