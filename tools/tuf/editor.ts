/** From what a repository is to hold to signed roles: the targets, the snapshot over them, the timestamp over that. */
import type { ExpirationPolicy } from '../config/repo-policy.ts';
import { expirations } from './expirations.ts';
import type { GivenRoles } from './expirations.ts';
import { isSigned, signAtHand } from './half-signed.ts';
import type { HalfSigned } from './half-signed.ts';
import { canonicalBytes } from './key.ts';
import type { LoadedRepository } from './load.ts';
import { SPEC_VERSION } from './metadata.ts';
import type { Signed, Snapshot, TargetFile, Targets, Timestamp } from './metadata.ts';
import { inReach, nextVersion, remembered } from './next-version.ts';
import { tooFewKeys } from './role.ts';
import type { SignedRole } from './role.ts';
import { newest } from './roots.ts';
import type { RootChain } from './roots.ts';
import type { IdentifiedSigner } from './signer.ts';
import { assertSigned, authorityOf } from './trust.ts';
import type { Authority } from './trust.ts';

/** Name -> length and digest. */
export type TargetFiles = Readonly<Record<string, TargetFile>>;

/** Roles whose keys a machine may have; root is signed by hand alone. */
export const ONLINE_ROLES = ['targets', 'snapshot', 'timestamp'] as const;
export type OnlineRole = (typeof ONLINE_ROLES)[number];

/** What is to be signed. `base`: the repository that this one follows, whose versions have to grow. */
export interface RepositoryDraft {
  readonly roots: RootChain;
  readonly targets: TargetFiles;
  readonly base: LoadedRepository | undefined;
  /** Roles that are signed already; none unless told. */
  readonly given?: GivenRoles | undefined;
}

/** Those whose keys are not at hand: the targets alone, or the snapshot too, so that only the timestamp is signed. */
export type Kept = 'none' | 'targets' | 'snapshot';

/** Opens the keys of a role that are at hand: asked for only where that role is to be signed. */
export type Signers = (role: OnlineRole) => Promise<readonly IdentifiedSigner[]>;

export interface SignOptions {
  readonly signers: Signers;
  readonly expiration: ExpirationPolicy;
  /** What offsets of the policy count from. */
  readonly start: Date;
  readonly now: Date;
}

export interface SignedRepository {
  readonly roots: RootChain;
  readonly targets: SignedRole<Targets>;
  /** Roles of others that targets delegate to, as they are. */
  readonly delegated: readonly SignedRole<Targets>[];
  readonly snapshot: SignedRole<Snapshot>;
  readonly timestamp: SignedRole<Timestamp>;
}

/** As far as the keys at hand reach: what is over a role holds its digest, and so can be said only once that is signed. */
export interface Halt {
  /** What not enough keys have signed. */
  readonly half: HalfSigned;
  readonly authority: Authority;
  /** What is signed below it. */
  readonly given: GivenRoles;
}

/** @throws BuildError tuf/no-key, tuf/clock-behind, tuf/expired, tuf/expiry-order, tuf/below-threshold */
export async function signRepository(draft: RepositoryDraft, options: SignOptions): Promise<SignedRepository> {
  const signed = await signAsFarAsKeysReach(draft, options);
  if (!('half' in signed)) return signed;
  const { half, authority } = signed;
  throw tooFewKeys(half.role, await options.signers(onlineRole(half.role)), authority);
}

/** @throws BuildError tuf/clock-behind, tuf/expired, tuf/expiry-order, tuf/bad-signature */
export async function signAsFarAsKeysReach(
  draft: RepositoryDraft,
  options: SignOptions,
): Promise<SignedRepository | Halt> {
  const { roots, base, given = {} } = draft;
  const root = newest(roots).signed;
  const dates = expirations(options, { rootExpires: root.expires, given });
  const known = remembered(base, root);
  const sign = async <S extends Signed>(role: OnlineRole, words: Words<S>): Promise<SignedRole<S> | HalfSigned<S>> => {
    const version = nextVersion(known[role] ?? inReach(base, options.now), options.now);
    const signed = words({ spec_version: SPEC_VERSION, version, expires: dates[role] });
    return await signAtHand({ role, signed, signatures: [] }, await options.signers(role), authorityOf(root, role));
  };
  const halt = (half: HalfSigned, below: GivenRoles): Halt => ({
    half,
    authority: authorityOf(root, onlineRole(half.role)),
    given: below,
  });
  const delegated = base?.delegated ?? [];
  const targets = given.targets ?? (await sign('targets', (common) => targetsOf(draft, common)));
  if (!isSigned(targets)) return halt(targets, {});
  const named = Object.fromEntries([targets, ...delegated].map((role) => [`${role.role}.json`, role.meta]));
  // Also what nobody delegates to any more: a client that has seen a role refuses every snapshot without it (TUF 5.5.5).
  const meta = { ...(known.snapshot === undefined ? {} : base?.snapshot.signed.meta), ...named };
  const snapshot =
    given.snapshot ?? (await sign('snapshot', (common) => ({ _type: 'snapshot' as const, ...common, meta })));
  if (!isSigned(snapshot)) return halt(snapshot, { targets });
  const above = { 'snapshot.json': snapshot.meta };
  const timestamp =
    given.timestamp ?? (await sign('timestamp', (common) => ({ _type: 'timestamp' as const, ...common, meta: above })));
  if (!isSigned(timestamp)) return halt(timestamp, { targets, snapshot });
  return { roots, targets, delegated, snapshot, timestamp };
}

function onlineRole(role: string): OnlineRole {
  const known = ONLINE_ROLES.find((each) => each === role);
  if (known === undefined) throw new TypeError(`${role} is signed by hand alone`);
  return known;
}

interface Common {
  readonly spec_version: string;
  readonly version: number;
  readonly expires: string;
}

/** What a role says beside what all say. */
type Words<S extends Signed> = (common: Common) => S;

/** What stays as it is signed, under the newest root, which may be another than it was published under. @throws BuildError tuf/below-threshold */
export function keptRoles(base: LoadedRepository | undefined, kept: Kept, roots: RootChain): GivenRoles {
  if (kept === 'none' || base === undefined) return {};
  const root = newest(roots).signed;
  const { targets, snapshot } = base;
  assertStillSigned(targets, authorityOf(root, 'targets'));
  if (kept === 'targets') return { targets };
  assertStillSigned(snapshot, authorityOf(root, 'snapshot'));
  return { targets, snapshot };
}

function assertStillSigned({ signed, signatures, fileName }: SignedRole, authority: Authority): void {
  assertSigned({ signed, signatures, payload: canonicalBytes(signed) }, authority, fileName);
}

/** Delegations and what else `signed` holds are kept as they were. New ones are written empty, as tough writes them. */
function targetsOf({ targets, base }: RepositoryDraft, common: Common): Targets {
  const before = base?.targets.signed;
  const delegations = before === undefined ? { keys: {}, roles: [] } : before.delegations;
  return {
    ...before,
    _type: 'targets',
    ...common,
    targets: { ...targets },
    ...(delegations === undefined ? {} : { delegations }),
  };
}
