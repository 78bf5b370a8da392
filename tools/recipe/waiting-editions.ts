/** Editions of a repository that wait for signatures, in whichever of its outputs they are. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { authorityUnder } from '../tuf/finish-edition.ts';
import { lackingUnder } from '../tuf/half-signed.ts';
import type { Lacking } from '../tuf/half-signed.ts';
import { canonicalBytes } from '../tuf/key.ts';
import { fileNameOf } from '../tuf/metadata.ts';
import { writeRequest } from '../tuf/signing-request.ts';
import type { SigningRequest } from '../tuf/signing-request.ts';
import { readWaiting } from '../tuf/waiting.ts';
import type { Waiting } from '../tuf/waiting.ts';
import { readRoots } from './update-repo.ts';
import type { UpdateRepo } from './update-repo.ts';

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
    const { half, fleet, out } = waiting;
    const payload = canonicalBytes(half.signed);
    const authority = authorityUnder({ roots }, waiting);
    const lacking = lackingUnder({ payload, signatures: half.signatures }, authority);
    const wanted = { repository: repo.name, fleet, half, authority, out };
    const requestDir = folder === undefined ? undefined : await writeRequest(folder, wanted);
    found.push({ waiting, lacking, sha256: sha256(payload), requestDir });
  }
  return found;
}

/** In every output; a link to one is none of its own. */
export async function allWaiting({ outDir }: UpdateRepo): Promise<readonly Waiting[]> {
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
export async function findComplete({ outDir }: UpdateRepo, request: SigningRequest): Promise<string | undefined> {
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

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
