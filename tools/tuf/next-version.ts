import { formatMoment } from '../config/moment.ts';
import { BuildError } from '../errors.ts';

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
