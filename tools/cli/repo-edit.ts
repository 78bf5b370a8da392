/** Verbs that change what is published: each says what hosts would do, and asks. */
import { relative, resolve } from 'node:path';

import semver from 'semver';

import { formatMoment } from '../config/moment.ts';
import { readProject } from '../config/project.ts';
import { BuildError } from '../errors.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { openPublished, writeEdit } from '../recipe/published.ts';
import type { Published } from '../recipe/published.ts';
import { openRepo } from '../recipe/update-repo.ts';
import type { UpdateRepo } from '../recipe/update-repo.ts';
import type { TargetFiles } from '../tuf/editor.ts';
import {
  downgrades,
  findUpdate,
  setMaxVersion,
  setWaves,
  updatesOf,
  withdraw as withdrawUpdate,
} from '../tuf/manifest.ts';
import type { Fleet, UpdateManifest } from '../tuf/manifest.ts';
import { readExpirationPolicy, readWavePolicy } from '../tuf/policies.ts';
import { earlierVersions, readEarlier } from '../tuf/rollback.ts';
import { newest } from '../tuf/roots.ts';
import { parseWaves, pauseWaves, printWaves, scheduleWaves } from '../tuf/waves.ts';
import { startOf } from './repo-create.ts';
import type { FleetFlags } from './repo-flags.ts';
import { publishCommand, surroundingsOf } from './repo-flags.ts';
import type { Session } from './session.ts';
import { describeSigning, describeWaiting } from './tell-signing.ts';

export interface EditFlags extends FleetFlags {
  readonly expiration: string;
  readonly yes?: boolean;
  readonly signLater?: string;
}

interface Opened {
  readonly repo: UpdateRepo;
  readonly fleet: Fleet;
  readonly published: Published;
  readonly now: Date;
}

interface Proposal {
  readonly verb: string;
  /** In one line, what is about to be done. */
  readonly title: string;
  readonly manifest: UpdateManifest;
  readonly targets?: TargetFiles;
}

async function open(session: Session, flags: EditFlags): Promise<Opened> {
  const variant = wantedVariant(readProject(session.globals.directory), flags.variant);
  const fleet = { variant: variant.name, arch: flags.arch ?? variant.arches[0] ?? 'x86_64' };
  const repo = await openRepo(flags, surroundingsOf(session));
  const now = new Date();
  return { repo, fleet, now, published: await openPublished(repo, fleet, { expiry: 'enforce', now }) };
}

async function propose(
  session: Session,
  flags: EditFlags,
  { opened, proposal }: { opened: Opened; proposal: Proposal },
): Promise<void> {
  const { repo, fleet, published, now } = opened;
  const down = downgrades(published.manifest, proposal.manifest, fleet);
  const effect =
    down.length === 0
      ? '0 versions will be downgraded.'
      : `${down.length} versions will be DOWNGRADED: ${down.map(({ from, to }) => `${from} to ${to}`).join(', ')}.`;
  if (flags.yes !== true) await session.confirm(`${proposal.title}\n${effect}\nGo on?`);
  const edit = {
    fleet,
    manifest: proposal.manifest,
    verb: proposal.verb,
    ...(proposal.targets === undefined ? {} : { targets: proposal.targets }),
  };
  const signLater = flags.signLater === undefined ? undefined : resolve(flags.signLater);
  const options = { expiration: readExpirationPolicy(flags.expiration), now, signLater, signal: session.signal };
  const written = await writeEdit(repo, published, { edit, options });
  if (written.state === 'waiting') {
    const { text, json } = describeWaiting(written);
    const lines = [proposal.title, effect, text, describeSigning(session, flags.signLater ?? '')];
    return session.result(lines.join('\n'), { ...json, verb: proposal.verb, downgrades: down });
  }
  const { dir, repository } = written;
  const lines = [
    proposal.title,
    effect,
    `Targets ${repository.targets.signed.version}, in ${relative('', dir)}/`,
    `Publish it: ${publishCommand(session, dir, flags)}`,
  ];
  session.result(lines.join('\n'), {
    ...fleet,
    verb: proposal.verb,
    downgrades: down,
    dir,
    targets: repository.targets.signed.version,
  });
}

export async function changeWaves(
  session: Session,
  flags: EditFlags & {
    readonly version: string;
    readonly waves: string;
    readonly smooth?: boolean;
    readonly start?: string;
  },
): Promise<void> {
  const opened = await open(session, flags);
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
  const opened = await open(session, flags);
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
  const opened = await open(session, flags);
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
  const opened = await open(session, flags);
  const manifest = setMaxVersion(opened.published.manifest, opened.fleet, max);
  const title = `Hosts of ${opened.fleet.variant} for ${opened.fleet.arch} go no further than ${max}.`;
  await propose(session, flags, { opened, proposal: { verb: 'set-max-version', title, manifest } });
}

export async function rollback(session: Session, flags: EditFlags & { readonly to?: string }): Promise<void> {
  const opened = await open(session, flags);
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
