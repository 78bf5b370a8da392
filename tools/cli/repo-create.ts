import { relative, resolve } from 'node:path';

import { parseWhen, resolveWhen } from '../config/moment.ts';
import { createUpdate } from '../recipe/create-update.ts';
import type { CreatedUpdate } from '../recipe/create-update.ts';
import { runErrand } from '../recipe/errand.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { openRepo } from '../recipe/update-repo.ts';
import { formatBytes, formatTable } from '../report/format.ts';
import { readExpirationPolicy, readWavePolicy } from '../tuf/policies.ts';
import type { StagedTarget } from '../tuf/targets.ts';
import type { FleetFlags } from './repo-flags.ts';
import { publishCommand, surroundingsOf } from './repo-flags.ts';
import { openBench } from './open-bench.ts';
import type { Session } from './session.ts';
import { describeSigning, describeWaiting } from './tell-signing.ts';
import { BuildError } from '../errors.ts';

export interface CreateFlags extends FleetFlags {
  readonly waves: string;
  readonly smooth?: boolean;
  readonly expiration: string;
  readonly start?: string;
  readonly new?: boolean;
  readonly replace?: boolean;
  readonly replaceUpdate?: boolean;
  readonly allowExpired?: boolean;
  readonly signLater?: string;
}

/** Gives whether the repository is `written`, or `waiting` for signatures. */
export async function create(session: Session, flags: CreateFlags): Promise<CreatedUpdate['state']> {
  await using bench = await openBench(session);
  const variant = wantedVariant(bench.project, flags.variant);
  const repo = await openRepo(flags, surroundingsOf(session));
  const now = new Date();
  await using work = bench.store.makeWorkDir();
  const [firstArch] = variant.arches;
  const arch = flags.arch ?? firstArch ?? 'x86_64';
  const options = {
    waves: readWavePolicy(flags.waves),
    style: flags.smooth === true ? ('smooth' as const) : ('steps' as const),
    expiration: readExpirationPolicy(flags.expiration),
    start: startOf(flags.start, now),
    now,
    as: flags.new === true ? ('new' as const) : ('next' as const),
    expiry: flags.allowExpired === true ? ('ignore' as const) : ('enforce' as const),
    ifThere: flags.replace === true ? ('replace' as const) : ('fail' as const),
    ifUpdateThere: flags.replaceUpdate === true ? ('replace' as const) : ('fail' as const),
    signLater: flags.signLater === undefined ? undefined : resolve(flags.signLater),
    workDir: work.path,
    signal: session.signal,
  };
  const errand = { id: 'repo/create', title: `Create the repository of ${variant.name}`, unit: 'bytes' } as const;
  const created = await runErrand(session.sink, errand, (onProgress) =>
    createUpdate(repo, { project: bench.project, variant, arch }, { ...options, onProgress }),
  );
  if (created.state === 'waiting') {
    const { text, json } = describeWaiting(created);
    const added = describeAdded(created.added);
    session.result([headOf(created), added, text, describeSigning(session, flags.signLater ?? '')].join('\n'), {
      ...json,
      version: created.version,
    });
    return 'waiting';
  }
  const command = publishCommand(session, created.dir, flags);
  const to = repo.address === undefined ? ' --to file:<dir> or s3://<bucket>/<prefix>' : '';
  session.result(describe(created, `${command}${to}`), toJson(created));
  return 'written';
}

/** @throws BuildError cli/bad-moment */
export function startOf(text: string | undefined, now: Date): Date {
  if (text === undefined) return new Date(Math.floor(now.getTime() / 1000) * 1000);
  const when = parseWhen(text);
  if (when !== undefined) return resolveWhen(when, now);
  throw new BuildError(
    'cli/bad-moment',
    `Cannot read "${text}": expected a moment such as 2030-01-31T12:00:00Z, or an offset such as "2 hours"`,
  );
}

type Written = Extract<CreatedUpdate, { state: 'written' }>;

function headOf({ fleet, version, update, dir }: CreatedUpdate): string {
  const what = update === 'first' ? 'a new repository' : 'the next update of the repository';
  return `${fleet.variant} ${version} for ${fleet.arch}, ${what}, in ${relative('', dir)}/`;
}

function describeAdded(added: readonly StagedTarget[]): string {
  return formatTable(added.toSorted(byName).map(({ name, size }) => [`  ${name}`, formatBytes(size)]));
}

function describe(created: Written, publishing: string): string {
  const { added, repository } = created;
  const unique = new Set(added.map(({ hash }) => hash));
  const { roots, targets, timestamp } = repository;
  return [
    headOf(created),
    describeAdded(added),
    `${Object.keys(targets.signed.targets).length} targets, ${unique.size} files added; root ${roots.at(-1)?.signed.version}, targets ${targets.signed.version}; good until ${timestamp.signed.expires}`,
    `Publish it: ${publishing}`,
  ].join('\n');
}

function byName(a: StagedTarget, b: StagedTarget): number {
  return a.name < b.name ? -1 : 1;
}

function toJson({ fleet, version, dir, metadataDir, repository, added, update }: Written): unknown {
  const { roots, targets, snapshot, timestamp } = repository;
  const versions = {
    root: roots.at(-1)?.signed.version,
    targets: targets.signed.version,
    snapshot: snapshot.signed.version,
    timestamp: timestamp.signed.version,
  };
  return {
    ...fleet,
    version,
    update,
    dir,
    metadataDir,
    versions,
    expires: timestamp.signed.expires,
    added: added.map(({ name, hash, size }) => ({ name, sha256: hash, bytes: size })),
  };
}
