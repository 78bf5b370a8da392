/** Reads roles from a place (TUF 5.4 to 5.6): what a role above says of one has to hold before anything in it is looked at. */
import { createHash } from 'node:crypto';

import type { z } from 'zod';

import { BuildError } from '../errors.ts';
import { fileNameOf, parseEnvelope, targetsSchema } from './metadata.ts';
import type { MetaFile, Signed, Snapshot, Targets } from './metadata.ts';
import type { Place } from './place.ts';
import { SignedRole } from './role.ts';
import { delegatedAuthority } from './trust.ts';
import type { Authority } from './trust.ts';

/** What becomes of roles that have expired. */
export interface Freshness {
  readonly expiry: 'enforce' | 'ignore';
  readonly now: Date;
}

const TARGETS_MAX_BYTES = 10 << 20;
const MAX_DELEGATIONS = 1024;

interface Wanted<S> {
  readonly meta: MetaFile;
  readonly schema: S;
  readonly maxBytes: number;
}

/** One role after another, each as the one above it says. */
export class RoleReader {
  readonly #place: Place;
  readonly #options: Freshness;

  constructor(place: Place, options: Freshness) {
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
      const roles = parent.signed.delegations?.roles ?? [];
      // To leave some out would be to sign a snapshot without them.
      if (found.size + roles.length > MAX_DELEGATIONS) throw tooMany(parent);
      for (const { name } of roles) {
        if (found.has(name)) continue;
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
export function assertFresh({ role, signed }: SignedRole, { expiry, now }: Freshness): void {
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

function absent(file: string): BuildError {
  return new BuildError('tuf/half-repository', `Cannot read "${file}": the repository names it, and it is not there`, {
    hint: 'Finish publishing what is half there: npx tsx Makefile.ts repo publish',
  });
}

function tooMany({ role, signed }: SignedRole<Targets>): BuildError {
  return new BuildError(
    'tuf/too-many-roles',
    `Cannot read repository: with those of ${role} version ${signed.version} there are more than ${MAX_DELEGATIONS} delegated roles`,
  );
}
