/** A change of what is published, before it is signed: says what hosts would do, and asks. */
import { relative, resolve } from 'node:path';

import { readProject } from '../config/project.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { openPublished, writeEdit } from '../recipe/published.ts';
import type { Published } from '../recipe/published.ts';
import { openRepo } from '../recipe/update-repo.ts';
import type { UpdateRepo } from '../recipe/update-repo.ts';
import type { TargetFiles } from '../tuf/editor.ts';
import { downgrades } from '../tuf/manifest.ts';
import type { Fleet, UpdateManifest } from '../tuf/manifest.ts';
import { readExpirationPolicy } from '../tuf/policies.ts';
import type { FleetFlags } from './repo-flags.ts';
import { publishCommand, surroundingsOf } from './repo-flags.ts';
import type { Session } from './session.ts';
import { describeSigning, describeWaiting } from './tell-signing.ts';

export interface EditFlags extends FleetFlags {
  readonly expiration: string;
  readonly yes?: boolean;
  readonly signLater?: string;
}

export interface Opened {
  readonly repo: UpdateRepo;
  readonly fleet: Fleet;
  readonly published: Published;
  readonly now: Date;
}

export interface Proposal {
  readonly verb: string;
  /** In one line, what is about to be done. */
  readonly title: string;
  readonly manifest: UpdateManifest;
  readonly targets?: TargetFiles;
}

export async function openEdit(session: Session, flags: EditFlags): Promise<Opened> {
  const variant = wantedVariant(readProject(session.globals.directory), flags.variant);
  const fleet = { variant: variant.name, arch: flags.arch ?? variant.arches[0] ?? 'x86_64' };
  const repo = await openRepo(flags, surroundingsOf(session));
  const now = new Date();
  return { repo, fleet, now, published: await openPublished(repo, fleet, { expiry: 'enforce', now }) };
}

export async function propose(
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
