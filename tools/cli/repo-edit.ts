/** Verbs that change what is published. */
import semver from 'semver';

import { formatMoment } from '../config/moment.ts';
import { BuildError } from '../errors.ts';
import { findUpdate, setMaxVersion, setWaves, updatesOf, withdraw as withdrawUpdate } from '../tuf/manifest.ts';
import { readWavePolicy } from '../tuf/policies.ts';
import { earlierVersions, readEarlier } from '../tuf/rollback.ts';
import { newest } from '../tuf/roots.ts';
import { parseWaves, pauseWaves, printWaves, scheduleWaves } from '../tuf/waves.ts';
import { startOf } from './repo-create.ts';
import { openEdit, propose } from './repo-proposal.ts';
import type { EditFlags } from './repo-proposal.ts';
import type { Session } from './session.ts';

export async function changeWaves(
  session: Session,
  flags: EditFlags & {
    readonly version: string;
    readonly waves: string;
    readonly smooth?: boolean;
    readonly start?: string;
  },
): Promise<void> {
  const opened = await openEdit(session, flags);
  const dates = scheduleWaves(
    readWavePolicy(flags.waves),
    startOf(flags.start, opened.now),
    flags.smooth === true ? 'smooth' : 'steps',
  );
  const manifest = setWaves(opened.published.manifest, opened.fleet, {
    version: flags.version,
    waves: printWaves(dates),
  });
  const [first, last] = [dates[0], dates.at(-1)];
  const title = `Waves of ${flags.version}: from ${first === undefined ? 'now' : formatMoment(first[1])} to ${last === undefined ? 'now' : formatMoment(last[1])}.`;
  await propose(session, flags, { opened, proposal: { verb: 'set-waves', title, manifest } });
}

export async function pause(
  session: Session,
  flags: EditFlags & { readonly version: string; readonly until: string },
): Promise<void> {
  const opened = await openEdit(session, flags);
  const { waves } = findUpdate(opened.published.manifest, opened.fleet, flags.version);
  const until = startOf(flags.until, opened.now);
  const now = new Date(Math.floor(opened.now.getTime() / 1000) * 1000);
  const manifest = setWaves(opened.published.manifest, opened.fleet, {
    version: flags.version,
    waves: printWaves(pauseWaves(parseWaves(waves), now, until)),
  });
  const title = `${flags.version} is offered to nobody else before ${formatMoment(until)}.`;
  await propose(session, flags, { opened, proposal: { verb: 'pause', title, manifest } });
}

export async function withdraw(
  session: Session,
  flags: EditFlags & { readonly version: string; readonly downgrade?: boolean },
): Promise<void> {
  const opened = await openEdit(session, flags);
  const without = withdrawUpdate(opened.published.manifest, opened.fleet, flags.version);
  const left = semver.rsort(updatesOf(without, opened.fleet).map(({ version }) => version));
  const [highest] = left;
  if (highest === undefined)
    throw new BuildError('tuf/last-update', `Cannot withdraw ${flags.version}: it is the only update there is`, {
      hint: 'To keep hosts from it, use: npx tsx Makefile.ts repo pause',
    });
  const manifest = flags.downgrade === true ? setMaxVersion(without, opened.fleet, highest) : without;
  const title = `${flags.version} is withdrawn; ${left.length} updates are left.`;
  await propose(session, flags, { opened, proposal: { verb: 'withdraw', title, manifest } });
}

export async function changeMaxVersion(session: Session, flags: EditFlags, max: string): Promise<void> {
  if (semver.valid(max) !== max)
    throw new BuildError('cli/bad-version', `Cannot read "${max}": expected a version such as 1.2.3`);
  const opened = await openEdit(session, flags);
  const manifest = setMaxVersion(opened.published.manifest, opened.fleet, max);
  const title = `Hosts of ${opened.fleet.variant} for ${opened.fleet.arch} go no further than ${max}.`;
  await propose(session, flags, { opened, proposal: { verb: 'set-max-version', title, manifest } });
}

export async function rollback(session: Session, flags: EditFlags & { readonly to?: string }): Promise<void> {
  const opened = await openEdit(session, flags);
  const { published, fleet } = opened;
  if (flags.to === undefined) {
    const versions = await earlierVersions(published.places);
    return session.result(
      versions.map((version) => `${version}  ${formatMoment(new Date(version * 1000))}`).join('\n'),
      { versions },
    );
  }
  const { root, ...earlier } = await readEarlier(published.places, published, Number(flags.to));
  const versions = updatesOf(earlier.manifest, fleet).map(({ version }) => version);
  const last = newest(published.roots).signed.version;
  const signers =
    root === last ? '' : ` It is signed by keys of root version ${root} that version ${last} no longer names.`;
  const title = `Back to what targets version ${flags.to} held: ${versions.join(', ') || 'no updates'}.${signers}`;
  await propose(session, flags, { opened, proposal: { verb: 'rollback', title, ...earlier } });
}
