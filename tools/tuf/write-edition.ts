/**
 * A repository on top of another, from what is to change to the signed whole on disk. Where not enough keys of a role are at hand and that was
 * said to be expected, it stops there, and waits for signatures that are made elsewhere.
 */
import type { Edition } from './edition.ts';
import { assertImages, assertSameBytes, namesOf } from './edition-checks.ts';
import { keptRoles, signAsFarAsKeysReach, signRepository } from './editor.ts';
import type { Halt, Kept, RepositoryDraft, SignedRepository, SignOptions, TargetFiles } from './editor.ts';
import { MANIFEST_TARGET, printManifest } from './manifest.ts';
import type { Fleet, UpdateManifest } from './manifest.ts';
import { writeRequest } from './signing-request.ts';
import { assertFree, openStage, placeTargets } from './stage.ts';
import type { Stage } from './stage.ts';
import { stageTargets } from './stage-targets.ts';
import { targetFilesOf } from './targets.ts';
import type { StagedTarget, TargetSource } from './targets.ts';
import { waitingOf, writeWaiting } from './waiting.ts';
import { writeRepository } from './write.ts';
import type { WrittenRepository } from './write.ts';

export interface Change {
  readonly fleet: Fleet;
  /** Files that become targets beside those that are. */
  readonly sources: readonly TargetSource[];
  readonly manifest: UpdateManifest;
  /** Whole target lists of another edition, for a roll-back. */
  readonly targets?: TargetFiles;
}

/** What becomes of a role whose keys are not at hand. */
export type IfLacking =
  | { readonly type: 'fail' }
  /** It is written to a folder, to be signed elsewhere; `repository` is its name, for people. */
  | { readonly type: 'wait'; readonly folder: string; readonly repository: string };

export interface OutputOptions extends SignOptions {
  readonly out: string;
  readonly ifThere: 'fail' | 'replace';
  readonly ifLacking: IfLacking;
}

export interface WriteEditionOptions extends OutputOptions {
  readonly ifTargetDiffers: 'fail' | 'replace';
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

export interface WrittenEdition extends WrittenRepository {
  readonly state: 'written';
  readonly repository: SignedRepository;
  readonly added: readonly StagedTarget[];
}

/** Signed as far as keys reached; the rest is in `folder`, to be signed elsewhere. */
export interface WaitingEdition extends Halt {
  readonly state: 'waiting';
  readonly dir: string;
  readonly fleet: Fleet;
  /** Where its request is. */
  readonly requestDir: string;
  readonly added: readonly StagedTarget[];
}

/** Stages, signs, writes and reads back. @throws BuildError tuf/... */
export async function writeEdition(
  edition: Edition,
  change: Change,
  options: WriteEditionOptions,
): Promise<WrittenEdition | WaitingEdition> {
  const { fleet } = change;
  await assertFree(options.out, fleet, options.ifThere);
  // Before anything is read: nobody waits for gigabytes to be told that a passphrase is wrong.
  if (options.ifLacking.type === 'fail')
    for (const role of ['targets', 'snapshot', 'timestamp'] as const) await options.signers(role);
  await using stage = await openStage(options.out);
  const staged = await stageTargets(change.sources, {
    dir: stage.targetsDir,
    signal: options.signal,
    onProgress: options.onProgress,
  });
  const before = change.targets ?? edition.targets;
  if (options.ifTargetDiffers === 'fail') assertSameBytes(before, staged);
  const manifest = await stage.add(MANIFEST_TARGET, printManifest(change.manifest));
  const added = [...staged, manifest];
  const targets = { ...before, ...targetFilesOf(added) };
  assertImages(change.manifest, namesOf(targets, edition), fleet);
  return await signAndWrite(
    stage,
    { fleet, added, draft: { roots: edition.roots, targets, base: edition.base } },
    options,
  );
}

/** Signs anew what is over the targets: no file changes, and no key of a kept role is needed. @throws BuildError tuf/... */
export async function renewEdition(
  { roots, targets, base }: Edition,
  { fleet, kept }: { readonly fleet: Fleet; readonly kept: Kept },
  options: OutputOptions,
): Promise<WrittenEdition | WaitingEdition> {
  await assertFree(options.out, fleet, options.ifThere);
  await using stage = await openStage(options.out);
  const draft = { roots, targets, base, given: keptRoles(base, kept, roots) };
  return await signAndWrite(stage, { fleet, added: [], draft }, options);
}

export interface Signing {
  readonly fleet: Fleet;
  readonly added: readonly StagedTarget[];
  readonly draft: RepositoryDraft;
}

export async function signAndWrite(
  stage: Stage,
  { fleet, added, draft }: Signing,
  options: OutputOptions,
): Promise<WrittenEdition | WaitingEdition> {
  const { out, ifLacking, ifThere, expiration } = options;
  const signed = await (ifLacking.type === 'fail'
    ? signRepository(draft, options)
    : signAsFarAsKeysReach(draft, options));
  if (!('half' in signed)) {
    const written = await writeRepository(stage, {
      repository: signed,
      fleet,
      staged: added,
      base: draft.base,
      ifThere,
    });
    return { state: 'written', ...written, repository: signed, added };
  }
  if (ifLacking.type === 'fail') throw new TypeError('what lacks keys is not signed');
  // The request before that: what waits without one could not be signed, and a request that nothing waits for is replaced by the next run.
  await placeTargets(stage, added);
  const requestDir = await writeRequest(ifLacking.folder, { repository: ifLacking.repository, fleet, out, ...signed });
  await writeWaiting(waitingOf(signed, { out, fleet, expiration, published: draft.base }));
  return { state: 'waiting', ...signed, dir: out, fleet, requestDir, added };
}
