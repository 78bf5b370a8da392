/** From what a repository is to hold to signed roles: the targets, the snapshot over them, the timestamp over that. */
import { formatMoment } from '../config/moment.ts';
import type { ExpirationPolicy } from '../config/repo-policy.ts';
import { BuildError } from '../errors.ts';
import { expirations } from './expirations.ts';
import type { KeptRoles } from './expirations.ts';
import { canonicalBytes } from './key.ts';
import type { LoadedRepository } from './load.ts';
import { SPEC_VERSION } from './metadata.ts';
import type { Root, Signed, Snapshot, TargetFile, Targets, Timestamp } from './metadata.ts';
import type { SignedRole } from './role.ts';
import { signRole } from './role.ts';
import { newest } from './roots.ts';
import type { RootChain } from './roots.ts';
import type { IdentifiedSigner } from './signer.ts';
import { assertSigned, authorityOf } from './trust.ts';
import type { Authority } from './trust.ts';

/** Name -> length and digest. */
export type TargetFiles = Readonly<Record<string, TargetFile>>;

/** What is to be signed. `base`: the repository that this one follows, whose versions have to grow. */
export interface RepositoryDraft {
  readonly roots: RootChain;
  readonly targets: TargetFiles;
  readonly base: LoadedRepository | undefined;
  /** Roles of the base that stay as they are signed; none unless told. */
  readonly kept?: Kept | undefined;
}

/** Those whose keys are not at hand: the targets alone, or the snapshot too, so that only the timestamp is signed. */
export type Kept = 'none' | 'targets' | 'snapshot';

export interface Signers {
  readonly targets: readonly IdentifiedSigner[];
  readonly snapshot: readonly IdentifiedSigner[];
  readonly timestamp: readonly IdentifiedSigner[];
}

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

/** @throws BuildError tuf/no-key, tuf/clock-behind, tuf/expired, tuf/expiry-order, tuf/below-threshold */
export async function signRepository(draft: RepositoryDraft, options: SignOptions): Promise<SignedRepository> {
  const { roots, base } = draft;
  const root = newest(roots).signed;
  const kept = keptRoles(draft, root);
  const dates = expirations(options, { rootExpires: root.expires, kept });
  const sign = async <S extends Signed>(role: 'targets' | 'snapshot' | 'timestamp', words: Words<S>) => {
    const common = {
      spec_version: SPEC_VERSION,
      version: nextVersion(base?.[role], options.now),
      expires: dates[role],
    };
    return await signRole({ role, signed: words(common) }, options.signers[role], authorityOf(root, role));
  };
  const delegated = base?.delegated ?? [];
  const targets = kept.targets ?? (await sign('targets', (common) => targetsOf(draft, common)));
  const meta = Object.fromEntries([targets, ...delegated].map((role) => [`${role.role}.json`, role.meta]));
  const snapshot =
    kept.snapshot ?? (await sign('snapshot', (common) => ({ _type: 'snapshot' as const, ...common, meta })));
  const above = { 'snapshot.json': snapshot.meta };
  const timestamp = await sign('timestamp', (common) => ({ _type: 'timestamp' as const, ...common, meta: above }));
  return { roots, targets, delegated, snapshot, timestamp };
}

interface Common {
  readonly spec_version: string;
  readonly version: number;
  readonly expires: string;
}

/** What a role says beside what all say. */
type Words<S extends Signed> = (common: Common) => S;

/** Under the newest root, which may be another than they were published under. */
function keptRoles({ base, kept = 'none' }: RepositoryDraft, root: Root): KeptRoles {
  if (kept === 'none' || base === undefined) return {};
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

/** Signing twice in a second counts on; further ahead than this, the clock is wrong. */
const CLOCK_SLACK_SECONDS = 300;

/**
 * Versions are seconds since 1970, and grow whatever happens: hosts refuse one that is lower than what they saw.
 * @throws BuildError tuf/clock-behind
 */
export function nextVersion(
  before: { readonly role: string; readonly signed: { readonly version: number } } | undefined,
  now: Date,
): number {
  const seconds = Math.floor(now.getTime() / 1000);
  const version = before?.signed.version ?? 0;
  if (version > seconds + CLOCK_SLACK_SECONDS) {
    const finding = `its version ${version} is of ${formatMoment(new Date(version * 1000))}, and this machine's clock says ${formatMoment(now)}`;
    throw new BuildError(
      'tuf/clock-behind',
      `Cannot go on from the published ${before?.role ?? 'metadata'}: ${finding}`,
      {
        hint: 'Set the clock of this machine',
      },
    );
  }
  return Math.max(version + 1, seconds);
}
