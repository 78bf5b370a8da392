/**
 * The next root while it is being made: `draft.root.json` beside the roots that are done. Each edit clears what was signed; once enough keys of
 * the root before it and of its own have signed, it becomes `<n>.root.json` and can be edited no more.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { BuildError, throwAll } from '../errors.ts';
import { errorCode } from '../graph/disk.ts';
import { syncDirectory, writeWhole } from './directory.ts';
import { lackingUnder, takeSignatures } from './half-signed.ts';
import type { Lacking } from './half-signed.ts';
import { canonicalBytes } from './key.ts';
import { parseRoot } from './metadata.ts';
import type { Envelope, Root, Signature } from './metadata.ts';
import { printRole, SignedRole } from './role.ts';
import { newest, readRootDirectory, rootFile } from './roots.ts';
import type { RootChain } from './roots.ts';
import { rootComplaints } from './root-edit.ts';
import { authorityOf } from './trust.ts';
import type { Authority } from './trust.ts';

export interface RootDraft {
  readonly dir: string;
  readonly envelope: Envelope<Root>;
  /** The roots before it; undefined for the first of all. */
  readonly chain: RootChain | undefined;
}

function draftFile(dir: string): string {
  return join(dir, 'draft.root.json');
}

/** Undefined where none is being made. */
export async function findDraft(dir: string): Promise<RootDraft | undefined> {
  const chain = await readRootDirectory(dir);
  try {
    const envelope = parseRoot(await readFile(draftFile(dir)), { file: draftFile(dir) });
    // What a run has left that was killed between the root's own file and this one.
    const isDone = chain?.some(({ signed }) => Buffer.compare(canonicalBytes(signed), envelope.payload) === 0);
    return isDone === true ? undefined : { dir, chain, envelope };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** @throws BuildError tuf/no-draft */
export async function readDraft(dir: string): Promise<RootDraft> {
  const draft = await findDraft(dir);
  if (draft !== undefined) return draft;
  throw new BuildError('tuf/no-draft', `Cannot change a root: none is being made in "${dir}"`, {
    hint: 'Begin one: npx tsx Makefile.ts root init, or root rotate where there is a root already',
  });
}

/** An edited root is signed by nobody. */
export async function writeDraft(dir: string, root: Root): Promise<RootDraft> {
  const envelope = { signed: root, signatures: [], payload: canonicalBytes(root) };
  await save(dir, envelope);
  return { dir, envelope, chain: await readRootDirectory(dir) };
}

async function save(dir: string, { signed, signatures }: Pick<Envelope<Root>, 'signed' | 'signatures'>): Promise<void> {
  await writeWhole(draftFile(dir), printRole(signed, signatures));
}

/** Adds signatures, in place of earlier ones of the same keys. @throws BuildError tuf/bad-signature for one of a key that has no say */
export async function addSignatures(draft: RootDraft, added: readonly Signature[]): Promise<RootDraft> {
  const signatures = takeSignatures({ role: 'root', ...draft.envelope }, added, {
    authorities: authoritiesOf(draft),
    hint: 'Sign the bytes that "root export" writes now: each edit makes others',
  });
  const envelope = { ...draft.envelope, signatures };
  await save(draft.dir, envelope);
  return { ...draft, envelope };
}

/** The root before it, and itself: both have to be satisfied (TUF 5.3.4). */
export function authoritiesOf({ chain, envelope }: RootDraft): readonly Authority[] {
  const own = authorityOf(envelope.signed, 'root');
  return chain === undefined ? [own] : [authorityOf(newest(chain).signed, 'root'), own];
}

export function lackingOf(draft: RootDraft): readonly Lacking[] {
  return authoritiesOf(draft)
    .map((authority) => lackingUnder(draft.envelope, authority))
    .filter(({ signed, threshold }) => signed.length < threshold);
}

/**
 * Makes the draft a root, when nothing is lacking.
 * @throws BuildErrors tuf/unreachable-threshold
 */
export async function finishDraft(draft: RootDraft): Promise<SignedRole<Root> | undefined> {
  throwAll(rootComplaints(draft.envelope.signed));
  if (lackingOf(draft).length > 0) return undefined;
  const { signed, signatures } = draft.envelope;
  const root = SignedRole.fromSigned({ role: 'root', signed }, signatures, authoritiesOf(draft));
  const file = rootFile(draft.dir, signed.version);
  await writeWhole(file, root.bytes);
  await rm(draftFile(draft.dir));
  await syncDirectory(draft.dir);
  return root;
}
