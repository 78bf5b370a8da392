/** Editions of a repository that wait for signatures: which there are, and what becomes of them when some come. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { BuildError, BuildErrors, throwAll } from '../errors.ts';
import { recognise } from '../tuf/detached.ts';
import { authorityUnder, finishEdition } from '../tuf/finish-edition.ts';
import { lackingUnder } from '../tuf/half-signed.ts';
import type { Lacking } from '../tuf/half-signed.ts';
import { canonicalBytes } from '../tuf/key.ts';
import type { KeyId } from '../tuf/key.ts';
import { fileNameOf } from '../tuf/metadata.ts';
import type { Signature } from '../tuf/metadata.ts';
import { readRequests, readSignatureFiles, writeRequest } from '../tuf/signing-request.ts';
import type { SigningRequest } from '../tuf/signing-request.ts';
import type { Authority } from '../tuf/trust.ts';
import { readWaiting } from '../tuf/waiting.ts';
import type { Waiting } from '../tuf/waiting.ts';
import { linkLatest } from '../tuf/write.ts';
import type { WaitingEdition, WrittenEdition } from '../tuf/write-edition.ts';
import { findCurrent } from './create-update.ts';
import { readRoots, signersOf } from './update-repo.ts';
import type { UpdateRepo } from './update-repo.ts';

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

export interface Waits {
  readonly waiting: Waiting;
  readonly lacking: Lacking;
  /** Of the bytes to sign. */
  readonly sha256: string;
  /** Where its request was written again. */
  readonly requestDir: string | undefined;
}

/** What waits, whose signatures it lacks; `folder`: where all of it is to be asked for again. */
export async function listWaiting(repo: UpdateRepo, folder: string | undefined): Promise<readonly Waits[]> {
  const found: Waits[] = [];
  const roots = await readRoots(repo);
  for (const waiting of await allWaiting(repo)) {
    const { half, fleet } = waiting;
    const payload = canonicalBytes(half.signed);
    const authority = authorityUnder({ roots }, waiting);
    const lacking = lackingUnder({ payload, signatures: half.signatures }, authority);
    const wanted = { repository: repo.name, fleet, half, authority };
    const requestDir = folder === undefined ? undefined : await writeRequest(folder, wanted);
    found.push({ waiting, lacking, sha256: sha256(payload), requestDir });
  }
  return found;
}

/** In every output; a link to one is none of its own. */
async function allWaiting({ outDir }: UpdateRepo): Promise<readonly Waiting[]> {
  return (await Promise.all((await outputsOf(outDir)).map(readWaiting))).flat();
}

async function outputsOf(outDir: string): Promise<readonly string[]> {
  const entries = await readdir(outDir, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(outDir, name))
    .toSorted();
}

/** The output that holds just these words, signed. */
async function findComplete({ outDir }: UpdateRepo, request: SigningRequest): Promise<string | undefined> {
  const { variant, arch, role, 'role-version': version } = request;
  for (const dir of await outputsOf(outDir)) {
    const text = await readFile(join(dir, variant, arch, fileNameOf(role, version)), 'utf8').catch(() => undefined);
    if (text !== undefined && Buffer.compare(canonicalBytes(signedIn(text)), request.payload) === 0) return dir;
  }
  return undefined;
}

function signedIn(text: string): unknown {
  const role: unknown = JSON.parse(text);
  return typeof role === 'object' && role !== null && 'signed' in role ? role.signed : null;
}

function staleRequest({ dir, role, 'role-version': version }: SigningRequest, all: readonly Waiting[]): BuildError {
  const waits = all.map((each) => `${each.role} version ${each.half.signed.version} of ${each.fleet.variant}`);
  const finding = `nothing waits for ${role} version ${version}; what does is ${waits.join(', ') || 'nothing at all'}`;
  return new BuildError('tuf/stale-request', `Cannot take the signatures in "${dir}": ${finding}`, {
    hint: 'See what waits, and have its request written anew: npx tsx Makefile.ts repo waiting --sign-later <folder>',
  });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
