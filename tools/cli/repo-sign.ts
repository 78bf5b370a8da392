/** Verbs for roles whose keys are not where the repository is made: sign them there, bring the signatures back, see what waits. */
import { resolve } from 'node:path';

import { formatMoment } from '../config/moment.ts';
import { BuildError, throwAll } from '../errors.ts';
import { openRepo } from '../recipe/update-repo.ts';
import { openRootDesk } from '../recipe/root-desk.ts';
import { finishRequests } from '../recipe/sign-repo.ts';
import type { Finished } from '../recipe/sign-repo.ts';
import { signRequests } from '../recipe/sign-request.ts';
import type { SignedRequest } from '../recipe/sign-request.ts';
import { listWaiting } from '../recipe/waiting-editions.ts';
import { formatTable } from '../report/format.ts';
import type { Update } from '../tuf/manifest.ts';
import { short } from '../tuf/role.ts';
import { parseWaves } from '../tuf/waves.ts';
import type { RepoFlags } from './repo-flags.ts';
import { publishCommand, surroundingsOf } from './repo-flags.ts';
import type { Session } from './session.ts';
import { describeLacking, describeSigning, describeWaiting } from './tell-signing.ts';

export interface SignFlags extends RepoFlags {
  readonly key?: readonly string[];
  readonly plan?: boolean;
  readonly from?: string;
  readonly allowExpired?: boolean;
}

export async function sign(session: Session, folder: string | undefined, flags: SignFlags): Promise<void> {
  if (flags.from !== undefined) await finish(session, flags, flags.from);
  else if (folder !== undefined) await signFolder(session, flags, folder);
  else
    throw new BuildError('cli/no-folder', 'Cannot tell what to sign: expected a folder, or --from <folder>', {
      hint: '"repo create --sign-later <folder>" writes one; "repo waiting" says what waits',
    });
}

/** Needs the folder and a key, and nothing of the repository. */
async function signFolder(session: Session, flags: SignFlags, folder: string): Promise<void> {
  const { config, keys } = openRootDesk(flags, surroundingsOf(session));
  const how = { keys, addresses: flags.key, config, plan: flags.plan === true };
  const signed = await signRequests(resolve(folder), how);
  const done =
    flags.plan === true
      ? 'Nothing was signed.'
      : `Bring the folder back, and there: ${session.command} repo sign --from <folder>`;
  session.result([...signed.map(describeSigned), done].join('\n'), { requests: signed.map(signedToJson) });
}

function describeSigned({ request, words, files, by }: SignedRequest): string {
  const { variant, arch, role, repository, sha256 } = request;
  return [
    `${role} version ${words.version} of ${variant} for ${arch} in "${repository}", good until ${words.expires}, SHA-256 ${sha256}`,
    ...(words.holds.length === 0 ? [] : [formatTable(words.holds.map(({ name, digest }) => [`  ${name}`, digest]))]),
    ...(words.offers ?? []).map(describeOffer),
    ...by.map((id, index) => `  signed by ${short(id)}: ${files[index] ?? ''}`),
  ].join('\n');
}

/** An update, as whoever signs it has to know of it. */
function describeOffer({ version, max_version: max, waves }: Update): string {
  const dates = parseWaves(waves);
  const [first, last] = [dates[0]?.[1], dates.at(-1)?.[1]];
  const when =
    first === undefined || last === undefined ? 'at once' : `from ${formatMoment(first)} to ${formatMoment(last)}`;
  return `  offers ${version}, ${when}; hosts go no further than ${max}`;
}

function signedToJson({ request, words, files, by }: SignedRequest): unknown {
  const { variant, arch, role, repository, sha256 } = request;
  return {
    repository,
    variant,
    arch,
    role,
    version: words.version,
    offers: words.offers ?? null,
    expires: words.expires,
    sha256,
    signedBy: by,
    files,
  };
}

async function finish(session: Session, flags: SignFlags, folder: string): Promise<void> {
  const repo = await openRepo(flags, surroundingsOf(session));
  const expiry = flags.allowExpired === true ? 'ignore' : 'enforce';
  const { finished, errors } = await finishRequests(repo, { folder: resolve(folder), expiry, now: new Date() });
  const waits = finished.some(({ state }) => state === 'waiting');
  const lines = finished.map((each) => describeFinished(session, flags, each));
  if (finished.length > 0)
    session.result([...lines, ...(waits ? [describeSigning(session, folder)] : [])].join('\n'), {
      editions: finished.map(finishedToJson),
    });
  throwAll(errors);
}

function describeFinished(session: Session, flags: RepoFlags, finished: Finished): string {
  const { variant, arch } = finished.request;
  if (finished.state === 'waiting') return describeWaiting(finished).text;
  const publish = `Publish it: ${publishCommand(session, finished.dir, flags)}`;
  if (finished.state === 'complete') return `${variant} for ${arch} had all its signatures before\n${publish}`;
  const { targets, timestamp } = finished.repository;
  return `${variant} for ${arch} is signed: targets ${targets.signed.version}, good until ${timestamp.signed.expires}\n${publish}`;
}

function finishedToJson(finished: Finished): unknown {
  const { variant, arch, role } = finished.request;
  if (finished.state === 'waiting') return describeWaiting(finished).json;
  return { variant, arch, role, state: finished.state, dir: finished.dir };
}

export interface WaitingFlags extends RepoFlags {
  readonly signLater?: string;
}

export async function showWaiting(session: Session, flags: WaitingFlags): Promise<void> {
  const repo = await openRepo(flags, surroundingsOf(session));
  const waits = await listWaiting(repo, flags.signLater === undefined ? undefined : resolve(flags.signLater));
  const lines = waits.map(({ waiting: { fleet, role, half }, lacking, sha256 }) =>
    [
      `${fleet.variant} for ${fleet.arch}: ${role} version ${half.signed.version}, SHA-256 ${sha256}`,
      describeLacking(lacking, role),
    ].join('\n'),
  );
  const next = waits.length > 0 && flags.signLater !== undefined ? [describeSigning(session, flags.signLater)] : [];
  session.result([...lines, ...next].join('\n') || 'Nothing waits for signatures', {
    waiting: waits.map(({ waiting: { fleet, role, half, out }, lacking, sha256 }) => ({
      ...fleet,
      role,
      version: half.signed.version,
      dir: out,
      sha256,
      lacking,
    })),
  });
}
