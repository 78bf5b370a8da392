/** From what a repository is to hold to signed roles: the targets, the snapshot over them, the timestamp over that. */
import { formatMoment, resolveWhen } from '../config/moment.ts';
import type { ExpirationPolicy } from '../config/repo-policy.ts';
import { BuildError } from '../errors.ts';
import type { LoadedRepository } from './load.ts';
import { SPEC_VERSION } from './metadata.ts';
import type { Snapshot, TargetFile, Targets, Timestamp } from './metadata.ts';
import type { SignedRole } from './role.ts';
import { signRole } from './role.ts';
import { newest } from './roots.ts';
import type { RootChain } from './roots.ts';
import type { IdentifiedSigner } from './signer.ts';
import { authorityOf } from './trust.ts';

/** Name -> length and digest. */
export type TargetFiles = Readonly<Record<string, TargetFile>>;

/** What is to be signed. `base`: the repository that this one follows, whose versions have to grow. */
export interface RepositoryDraft {
  readonly roots: RootChain;
  readonly targets: TargetFiles;
  readonly base: LoadedRepository | undefined;
}

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

/** @throws BuildError tuf/no-key, tuf/clock-behind, tuf/expired, tuf/expiry-order */
export async function signRepository(
  { roots, targets: files, base }: RepositoryDraft,
  options: SignOptions,
): Promise<SignedRepository> {
  const { signers } = options;
  const root = newest(roots).signed;
  const dates = expirations(options, root.expires);
  const delegated = base?.delegated ?? [];
  const targets = await signRole(
    {
      role: 'targets',
      signed: targetsOf(files, base, { version: nextVersion(base?.targets, options.now), expires: dates.targets }),
    },
    signers.targets,
    authorityOf(root, 'targets'),
  );
  const meta = Object.fromEntries([targets, ...delegated].map((role) => [`${role.role}.json`, role.meta]));
  const common = { spec_version: SPEC_VERSION };
  const snapshot = await signRole(
    {
      role: 'snapshot',
      signed: {
        _type: 'snapshot' as const,
        ...common,
        version: nextVersion(base?.snapshot, options.now),
        expires: dates.snapshot,
        meta,
      },
    },
    signers.snapshot,
    authorityOf(root, 'snapshot'),
  );
  const above = { 'snapshot.json': snapshot.meta };
  const timestamp = await signRole(
    {
      role: 'timestamp',
      signed: {
        _type: 'timestamp' as const,
        ...common,
        version: nextVersion(base?.timestamp, options.now),
        expires: dates.timestamp,
        meta: above,
      },
    },
    signers.timestamp,
    authorityOf(root, 'timestamp'),
  );
  return { roots, targets, delegated, snapshot, timestamp };
}

/** Delegations and what else `signed` holds are kept as they were. New ones are written empty, as tough writes them. */
function targetsOf(
  files: TargetFiles,
  base: LoadedRepository | undefined,
  { version, expires }: { version: number; expires: string },
): Targets {
  const kept = base?.targets.signed;
  const delegations = kept === undefined ? { keys: {}, roles: [] } : kept.delegations;
  return {
    ...kept,
    _type: 'targets',
    spec_version: SPEC_VERSION,
    version,
    expires,
    targets: { ...files },
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

function expirations(
  { expiration, start, now }: SignOptions,
  rootExpires: string,
): Record<'targets' | 'snapshot' | 'timestamp', string> {
  const dates = {
    timestamp: resolveWhen(expiration['timestamp-expiration'], start),
    snapshot: resolveWhen(expiration['snapshot-expiration'], start),
    targets: resolveWhen(expiration['targets-expiration'], start),
  };
  if (Date.parse(rootExpires) <= now.getTime())
    throw new BuildError('tuf/expired', `Cannot sign under a root that expired at ${rootExpires}`, {
      hint: 'Sign a new root: npx tsx Makefile.ts root rotate',
    });
  for (const [role, date] of Object.entries(dates)) {
    if (date <= now)
      throw new BuildError(
        'tuf/expired',
        `Cannot sign ${role}: by the policy it would have expired at ${formatMoment(date)}`,
      );
  }
  if (dates.timestamp > dates.snapshot || dates.snapshot > dates.targets) {
    const finding = `expected timestamp to expire no later than snapshot, and snapshot no later than targets`;
    throw new BuildError('tuf/expiry-order', `Cannot sign by this policy: ${finding}`);
  }
  return {
    timestamp: formatMoment(dates.timestamp),
    snapshot: formatMoment(dates.snapshot),
    targets: formatMoment(dates.targets),
  };
}
