/** What becomes of editions that wait when signatures come for them. */

import { BuildError, BuildErrors, throwAll } from '../errors.ts';
import { recognise } from '../tuf/detached.ts';
import { authorityUnder, finishEdition } from '../tuf/finish-edition.ts';
import { canonicalBytes } from '../tuf/key.ts';
import type { KeyId } from '../tuf/key.ts';
import type { Signature } from '../tuf/metadata.ts';
import { readSignatureFiles } from '../tuf/signature-files.ts';
import { readRequests } from '../tuf/signing-request.ts';
import type { SigningRequest } from '../tuf/signing-request.ts';
import type { Authority } from '../tuf/trust.ts';
import type { Waiting } from '../tuf/waiting.ts';
import { linkLatest } from '../tuf/write.ts';
import type { WaitingEdition, WrittenEdition } from '../tuf/write-edition.ts';
import { findCurrent } from './create-update.ts';
import { readRoots, signersOf } from './update-repo.ts';
import type { UpdateRepo } from './update-repo.ts';
import { allWaiting, findComplete, sha256 } from './waiting-editions.ts';

export interface FinishRequest {
  readonly folder: string;
  readonly expiry: 'enforce' | 'ignore';
  readonly now: Date;
}

/** `complete`: it had all its signatures before. */
export type Finished = { readonly request: SigningRequest } & (
  | WrittenEdition
  | WaitingEdition
  | { readonly state: 'complete'; readonly dir: string }
);

export interface FinishedAll {
  readonly finished: readonly Finished[];
  /** What kept others from it: tuf/stale-request, tuf/stale-edition, tuf/bad-signature ... */
  readonly errors: readonly BuildError[];
}

/** Takes the signatures in a folder; what is wrong with one request keeps none of the others. @throws BuildError tuf/no-request, tuf/changed-request */
export async function finishRequests(repo: UpdateRepo, options: FinishRequest): Promise<FinishedAll> {
  const finished: Finished[] = [];
  const errors: BuildError[] = [];
  for (const request of await readRequests(options.folder)) {
    try {
      const outcome = await finishOne(repo, request, options);
      if (outcome.state === 'written') linkLatest(outcome.dir);
      finished.push({ request, ...outcome });
    } catch (error) {
      if (error instanceof BuildErrors) errors.push(...error.errors);
      else if (error instanceof BuildError) errors.push(error);
      else throw error;
    }
  }
  return { finished, errors };
}

type Outcome = WrittenEdition | WaitingEdition | { readonly state: 'complete'; readonly dir: string };

async function finishOne(
  repo: UpdateRepo,
  request: SigningRequest,
  { folder, expiry, now }: FinishRequest,
): Promise<Outcome> {
  const all = await allWaiting(repo);
  const waiting = all.find(({ half }) => sha256(canonicalBytes(half.signed)) === request.sha256);
  if (waiting === undefined) {
    const dir = await findComplete(repo, request);
    if (dir !== undefined) return { state: 'complete', dir };
    throw staleRequest(request, all);
  }
  const edition = await findCurrent(repo, { fleet: waiting.fleet, roots: await readRoots(repo) }, { expiry, now });
  const authority = authorityUnder(edition, waiting);
  const signatures = await readSignatures(request, authority);
  const start = new Date(Math.floor(now.getTime() / 1000) * 1000);
  return await finishEdition(edition, waiting, {
    signatures,
    signers: signersOf(repo, { type: 'wait' }),
    ifLacking: { type: 'wait', folder, repository: repo.name },
    start,
    now,
  });
}

/** Of one key, the last: one of ECDSA or RSA-PSS is another each time. @throws BuildErrors tuf/bad-signature, each with its file */
async function readSignatures(request: SigningRequest, authority: Authority): Promise<readonly Signature[]> {
  const byKey = new Map<KeyId, Signature>();
  const errors: BuildError[] = [];
  for (const file of await readSignatureFiles(request)) {
    const found = recognise(file, request.payload, authority);
    if (found instanceof BuildError) errors.push(found);
    else byKey.set(found.keyid, found);
  }
  throwAll(errors);
  return [...byKey.values()];
}

function staleRequest({ dir, role, 'role-version': version }: SigningRequest, all: readonly Waiting[]): BuildError {
  const waits = all.map((each) => `${each.role} version ${each.half.signed.version} of ${each.fleet.variant}`);
  const finding = `nothing waits for ${role} version ${version}; what does is ${waits.join(', ') || 'nothing at all'}`;
  return new BuildError('tuf/stale-request', `Cannot take the signatures in "${dir}": ${finding}`, {
    hint: 'See what waits, and have its request written anew: npx tsx Makefile.ts repo waiting --sign-later <folder>',
  });
}
