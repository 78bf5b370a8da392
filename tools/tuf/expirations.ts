/** Until when roles are good that are about to be signed. */
import { formatMoment, resolveWhen } from '../config/moment.ts';
import type { ExpirationPolicy } from '../config/repo-policy.ts';
import { BuildError } from '../errors.ts';
import type { Snapshot, Targets, Timestamp } from './metadata.ts';
import type { SignedRole } from './role.ts';

/** Roles that are signed already, and with them their dates: kept as they are published, or signed elsewhere. */
export interface GivenRoles {
  readonly targets?: SignedRole<Targets>;
  readonly snapshot?: SignedRole<Snapshot>;
  readonly timestamp?: SignedRole<Timestamp>;
}

export interface ExpirationOptions {
  readonly expiration: ExpirationPolicy;
  /** What offsets of the policy count from. */
  readonly start: Date;
  readonly now: Date;
}

/**
 * By the policy, but nothing outlives what it stands for: what is over a given role ends with it at the latest.
 * @throws BuildError tuf/expired, tuf/expiry-order
 */
export function expirations(
  { expiration, start, now }: ExpirationOptions,
  { rootExpires, given }: { rootExpires: string; given: GivenRoles },
): Record<'targets' | 'snapshot' | 'timestamp', string> {
  const ends = [given.targets, given.snapshot].flatMap((role) => (role === undefined ? [] : [endOf(role).getTime()]));
  const dateOf = (role: 'targets' | 'snapshot' | 'timestamp'): Date => {
    const signed = given[role];
    if (signed !== undefined) return endOf(signed);
    const date = resolveWhen(expiration[`${role}-expiration`], start);
    return new Date(Math.min(date.getTime(), ...ends));
  };
  const dates = { timestamp: dateOf('timestamp'), snapshot: dateOf('snapshot'), targets: dateOf('targets') };
  if (Date.parse(rootExpires) <= now.getTime())
    throw new BuildError('tuf/expired', `Cannot sign under a root that expired at ${rootExpires}`, {
      hint: 'Sign a new root: npx tsx Makefile.ts root rotate',
    });
  for (const role of [given.targets, given.snapshot]) if (role !== undefined && endOf(role) <= now) throw tooOld(role);
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

function endOf({ signed }: SignedRole): Date {
  return new Date(signed.expires);
}

function tooOld({ role, signed }: SignedRole): BuildError {
  return new BuildError(
    'tuf/expired',
    `Cannot go on with ${role} version ${signed.version}: it expired at ${signed.expires}`,
    {
      hint: 'Sign it anew, with its keys: leave out --keep, or make again what waited for signatures too long',
    },
  );
}
