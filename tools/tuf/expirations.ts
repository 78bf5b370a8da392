/** Until when roles are good that are about to be signed. */
import { formatMoment, resolveWhen } from '../config/moment.ts';
import type { ExpirationPolicy } from '../config/repo-policy.ts';
import { BuildError } from '../errors.ts';
import type { Snapshot, Targets } from './metadata.ts';
import type { SignedRole } from './role.ts';

/** Roles that stay as they are, and with them their dates. */
export interface KeptRoles {
  readonly targets?: SignedRole<Targets>;
  readonly snapshot?: SignedRole<Snapshot>;
}

export interface ExpirationOptions {
  readonly expiration: ExpirationPolicy;
  /** What offsets of the policy count from. */
  readonly start: Date;
  readonly now: Date;
}

/**
 * By the policy, but nothing outlives what it stands for: what is over a kept role ends with it at the latest.
 * @throws BuildError tuf/expired, tuf/expiry-order
 */
export function expirations(
  { expiration, start, now }: ExpirationOptions,
  { rootExpires, kept }: { rootExpires: string; kept: KeptRoles },
): Record<'targets' | 'snapshot' | 'timestamp', string> {
  const ends = [kept.targets, kept.snapshot].flatMap((role) =>
    role === undefined ? [] : [Date.parse(role.signed.expires)],
  );
  const atMost = (date: Date): Date => new Date(Math.min(date.getTime(), ...ends));
  const dates = {
    timestamp: atMost(resolveWhen(expiration['timestamp-expiration'], start)),
    snapshot:
      kept.snapshot === undefined
        ? atMost(resolveWhen(expiration['snapshot-expiration'], start))
        : endOf(kept.snapshot),
    targets: kept.targets === undefined ? resolveWhen(expiration['targets-expiration'], start) : endOf(kept.targets),
  };
  if (Date.parse(rootExpires) <= now.getTime())
    throw new BuildError('tuf/expired', `Cannot sign under a root that expired at ${rootExpires}`, {
      hint: 'Sign a new root: npx tsx Makefile.ts root rotate',
    });
  for (const role of [kept.targets, kept.snapshot])
    if (role !== undefined && endOf(role) <= now) throw cannotKeep(role);
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

function endOf({ signed }: SignedRole<Targets> | SignedRole<Snapshot>): Date {
  return new Date(signed.expires);
}

function cannotKeep({ role, signed }: SignedRole<Targets> | SignedRole<Snapshot>): BuildError {
  return new BuildError(
    'tuf/expired',
    `Cannot keep ${role} version ${signed.version}: it expired at ${signed.expires}`,
    {
      hint: 'Sign it again, with its keys: leave out --keep',
    },
  );
}
