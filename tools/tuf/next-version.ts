import { formatMoment } from '../config/moment.ts';
import { BuildError } from '../errors.ts';
import type { OnlineRole } from './editor.ts';
import { canonicalBytes } from './key.ts';
import type { LoadedRepository } from './load.ts';
import type { Root } from './metadata.ts';
import type { SignedRole } from './role.ts';
import { authorityOf, goodSigners } from './trust.ts';

/**
 * The roles of a base that clients remember under a root: what a key has signed that it takes away they forget, and with a snapshot the versions
 * in it (TUF 5.3.11). Of targets, some clients keep a copy as long as its own keys stay.
 */
export function remembered(base: LoadedRepository | undefined, root: Root): Partial<Record<OnlineRole, SignedRole>> {
  if (base === undefined) return {};
  const holds = (role: OnlineRole): boolean => {
    const { signed, signatures } = base[role];
    const authority = authorityOf(root, role);
    return goodSigners(canonicalBytes(signed), signatures, authority).length >= authority.threshold;
  };
  const snapshot = holds('snapshot');
  return {
    ...(snapshot ? { snapshot: base.snapshot } : {}),
    ...(holds('timestamp') ? { timestamp: base.timestamp } : {}),
    ...(snapshot || holds('targets') ? { targets: base.targets } : {}),
  };
}

/** Signing twice in a second counts on; further ahead than this, the clock is wrong. */
const CLOCK_SLACK_SECONDS = 300;

/**
 * What versions of a role begin anew after: the files of a publication moments ago are still there, and no two may have one name. A thief's
 * versions, far ahead, do not count.
 */
export function inReach(base: LoadedRepository | undefined, now: Date): SignedRole | undefined {
  if (base === undefined) return undefined;
  const roles = [base.targets, base.snapshot, base.timestamp];
  return roles
    .filter(({ signed: { version } }) => version <= furthestVersion(now))
    .toSorted((a, b) => a.signed.version - b.signed.version)
    .at(-1);
}

function furthestVersion(now: Date): number {
  return Math.floor(now.getTime() / 1000) + CLOCK_SLACK_SECONDS;
}

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
  if (version > furthestVersion(now)) {
    const finding = `its version ${version} is of ${formatMoment(new Date(version * 1000))}, and this machine's clock says ${formatMoment(now)}`;
    throw new BuildError(
      'tuf/clock-behind',
      `Cannot go on from the published ${before?.role ?? 'metadata'}: ${finding}`,
      {
        hint: 'Set the clock of this machine. If a thief has signed that: docs/update-repository.md tells how versions begin anew',
      },
    );
  }
  return Math.max(version + 1, seconds);
}
