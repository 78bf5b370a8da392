/** Repositories as they are published, and new editions of them in which files stay and words change. */
import { join } from 'node:path';

import type { ExpirationPolicy } from '../config/repo-policy.ts';
import type { Project } from '../config/project.ts';
import { BuildError } from '../errors.ts';
import { openEdition } from '../tuf/edition.ts';
import type { Edition, Places } from '../tuf/edition.ts';
import type { Kept, TargetFiles } from '../tuf/editor.ts';
import type { Fleet, UpdateManifest } from '../tuf/manifest.ts';
import { linkLatest } from '../tuf/write.ts';
import { renewEdition, writeEdition } from '../tuf/write-edition.ts';
import type { OutputOptions, WaitingEdition, WrittenEdition } from '../tuf/write-edition.ts';
import { addressOf, metadataPlace, targetsPlace } from './repo-address.ts';
import { ifLacking, readRoots, signersOf } from './update-repo.ts';
import type { UpdateRepo } from './update-repo.ts';

export interface PublishedOptions {
  readonly expiry: 'enforce' | 'ignore';
  readonly now: Date;
}

export interface Published extends Edition {
  readonly places: Places;
}

export async function placesOf(repo: UpdateRepo, fleet: Fleet): Promise<Places> {
  const address = addressOf(repo);
  return { metadata: await metadataPlace(address, fleet), targets: await targetsPlace(address) };
}

/** @throws BuildError tuf/no-repository, tuf/... */
export async function openPublished(repo: UpdateRepo, fleet: Fleet, options: PublishedOptions): Promise<Published> {
  const places = await placesOf(repo, fleet);
  const edition = await openEdition(places, { trusted: await readRoots(repo), fromRoot: repo.fromRoot, ...options });
  if (edition !== 'absent') return { ...edition, places };
  throw new BuildError('tuf/no-repository', `Cannot find repository ${places.metadata.address}: there is nothing`);
}

/** Every fleet of a checkout that has a repository, for those who want all of them. */
export async function publishedFleets(repo: UpdateRepo, project: Project): Promise<readonly Fleet[]> {
  const all = [...project.variants.values()].flatMap(({ name, arches }) =>
    arches.map((arch) => ({ variant: name, arch })),
  );
  const found: Fleet[] = [];
  for (const fleet of all) {
    const { metadata } = await placesOf(repo, fleet);
    if ((await metadata.stat('timestamp.json')) !== undefined) found.push(fleet);
  }
  return found;
}

export interface Edit {
  readonly fleet: Fleet;
  readonly manifest: UpdateManifest;
  /** Another list of targets, for a roll-back. */
  readonly targets?: TargetFiles;
  /** Names the output's folder. */
  readonly verb: string;
}

export interface EditOptions {
  readonly expiration: ExpirationPolicy;
  readonly now: Date;
  /** A folder for what other people's keys have to sign. */
  readonly signLater: string | undefined;
  readonly signal: AbortSignal;
}

/** Signs a published repository anew; nothing is published by it. */
export async function writeEdit(
  repo: UpdateRepo,
  published: Published,
  { edit, options }: { edit: Edit; options: EditOptions },
): Promise<WrittenEdition | WaitingEdition> {
  const { fleet, manifest, targets, verb } = edit;
  const output = outputOf(repo, { verb, options });
  const written = await writeEdition(
    published,
    { fleet, sources: [], manifest, ...(targets === undefined ? {} : { targets }) },
    { ...output, ifTargetDiffers: 'replace', signal: options.signal, onProgress: () => {} },
  );
  linkLatest(written.dir);
  return written;
}

/** Makes the metadata good for longer. What is kept needs no key, and ends when it ends. */
export async function renew(
  repo: UpdateRepo,
  published: Published,
  { fleet, kept, options }: { fleet: Fleet; kept: Kept; options: EditOptions },
): Promise<WrittenEdition | WaitingEdition> {
  const written = await renewEdition(published, { fleet, kept }, outputOf(repo, { verb: 'refresh', options }));
  linkLatest(written.dir);
  return written;
}

function outputOf(
  repo: UpdateRepo,
  { verb, options: { expiration, now, signLater } }: { verb: string; options: EditOptions },
): OutputOptions {
  const start = new Date(Math.floor(now.getTime() / 1000) * 1000);
  const out = join(repo.outDir, `${verb}-${start.getTime() / 1000}`);
  const lacking = ifLacking(repo, signLater);
  return { expiration, now, start, out, ifThere: 'replace', ifLacking: lacking, signers: signersOf(repo, lacking) };
}
