/**
 * What is to be signed, as a folder: the keys may be anywhere, and of several people.
 *
 *     <variant>/<arch>/request.json        which role it is, and whose signatures it wants
 *                      <role>.tbs          the bytes to sign: canonical JSON, to be read by people too
 *                      manifest.json       the target of that name, where it is new: which updates are offered, and to whom
 *                      <role>.<name>.sig   a signature, once it is there: its bytes, in hex or in base64; the name is the signer's own choice
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { ARCHES } from '../config/arch.ts';
import { BuildError } from '../errors.ts';
import { writeWhole } from './directory.ts';
import { ONLINE_ROLES } from './editor.ts';
import type { HalfSigned } from './half-signed.ts';
import { lackingUnder } from './half-signed.ts';
import { canonicalBytes, keySchema } from './key.ts';
import { MANIFEST_TARGET } from './manifest.ts';
import type { Fleet } from './manifest.ts';
import { targetsSchema } from './metadata.ts';
import { isSignatureFile } from './signature-files.ts';
import { targetFileName } from './targets.ts';
import type { Authority } from './trust.ts';

const REQUEST_FILE = 'request.json';

const requestSchema = z.strictObject({
  version: z.literal(1),
  /** Which repository it is of, for people: nothing in it moves their terminal. */
  repository: z.string().regex(/^\P{C}+$/u),
  variant: z.string().regex(/^[\w-][\w.-]*$/),
  arch: z.enum(ARCHES),
  role: z.enum(ONLINE_ROLES),
  'role-version': z.int().min(1),
  expires: z.iso.datetime(),
  /** Of the bytes to sign. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  threshold: z.int().min(1),
  /** Whoever holds one of these may sign; `signed`: has done so. */
  keys: z.array(z.strictObject({ id: z.string(), key: keySchema, signed: z.boolean() })),
});

type RequestFile = z.output<typeof requestSchema>;

/** A request as it was found; its bytes are what it says they are, and nothing of it is trusted otherwise. */
export interface SigningRequest extends Omit<RequestFile, 'version'> {
  readonly dir: string;
  readonly payload: Uint8Array;
  /** Nothing is known of it but that it lies there. */
  readonly manifest: Uint8Array | undefined;
}

export interface Wanted {
  readonly repository: string;
  readonly fleet: Fleet;
  readonly half: HalfSigned;
  readonly authority: Authority;
  /** The output that it is of: its targets are there. */
  readonly out: string;
}

export function tbsFile(role: string): string {
  return `${role}.tbs`;
}

/** Writes the request of one fleet below a folder; what an earlier one of it asked for is taken away. */
export async function writeRequest(
  folder: string,
  { repository, fleet, half, authority, out }: Wanted,
): Promise<string> {
  const dir = join(folder, fleet.variant, fleet.arch);
  const payload = canonicalBytes(half.signed);
  const { signed } = lackingUnder({ payload, signatures: half.signatures }, authority);
  const request = {
    version: 1,
    repository,
    ...fleet,
    role: half.role,
    'role-version': half.signed.version,
    expires: half.signed.expires,
    sha256: createHash('sha256').update(payload).digest('hex'),
    threshold: authority.threshold,
    keys: authority.keyids.map((id) => ({ id, key: authority.keys[id], signed: signed.includes(id) })),
  };
  await mkdir(dir, { recursive: true });
  await clearOther(dir, request.sha256);
  await writeWhole(join(dir, tbsFile(half.role)), payload);
  await copyManifest(half, { from: join(out, 'targets'), to: dir });
  // Last: a folder with a request is whole.
  await writeWhole(join(dir, REQUEST_FILE), Buffer.from(`${JSON.stringify(request, undefined, 2)}\n`));
  return dir;
}

/** Whoever signs targets offers updates: what is offered is to be seen. */
async function copyManifest({ signed }: HalfSigned, { from, to }: { from: string; to: string }): Promise<void> {
  const copy = join(to, MANIFEST_TARGET);
  const info = 'targets' in signed ? targetsSchema.parse(signed).targets[MANIFEST_TARGET] : undefined;
  const file = info === undefined ? undefined : join(from, targetFileName(info.hashes.sha256, MANIFEST_TARGET));
  const bytes = file === undefined ? undefined : await readFile(file).catch(() => undefined);
  if (bytes === undefined) await rm(copy, { force: true });
  else await writeWhole(copy, bytes);
}

/** A request of other bytes goes with what answered it: signatures that are of no use would be complained about when they come back. */
async function clearOther(dir: string, sha256: string): Promise<void> {
  const before = await parseRequest(join(dir, REQUEST_FILE)).catch(() => undefined);
  if (before === undefined || before.sha256 === sha256) return;
  for (const name of await readdir(dir))
    if (name === tbsFile(before.role) || isSignatureFile(name, before.role)) await rm(join(dir, name));
}

/** All below a folder, or the one that the folder is. @throws BuildError tuf/no-request, tuf/changed-request */
export async function readRequests(folder: string): Promise<readonly SigningRequest[]> {
  const names = (await stat(join(folder, REQUEST_FILE)).catch(() => undefined))?.isFile()
    ? [REQUEST_FILE]
    : (await readdir(folder, { recursive: true }).catch(() => [])).filter((name) =>
        /^[^/]+\/[^/]+\/request\.json$/.test(name),
      );
  if (names.length === 0)
    throw new BuildError(
      'tuf/no-request',
      `Cannot find what is to be signed in "${folder}": it has no ${REQUEST_FILE}`,
      {
        hint: 'Give the folder that "--sign-later <folder>" has written',
      },
    );
  return await Promise.all(names.toSorted().map((name) => readRequest(join(folder, name, '..'))));
}

async function readRequest(dir: string): Promise<SigningRequest> {
  const { version: _, ...words } = await parseRequest(join(dir, REQUEST_FILE));
  const file = join(dir, tbsFile(words.role));
  const payload = await readFile(file).catch((cause: unknown) =>
    Promise.reject(
      new BuildError('tuf/changed-request', `Cannot read "${file}", which ${REQUEST_FILE} asks to sign`, { cause }),
    ),
  );
  const sha256 = createHash('sha256').update(payload).digest('hex');
  const manifest = await readFile(join(dir, MANIFEST_TARGET)).catch(() => undefined);
  if (sha256 === words.sha256) return { ...words, dir, payload, manifest };
  throw new BuildError(
    'tuf/changed-request',
    `Cannot sign "${file}": expected SHA-256 ${words.sha256}, as ${REQUEST_FILE} says, got ${sha256}`,
    { hint: 'Have it written again, where the edition waits: npx tsx Makefile.ts repo waiting --sign-later <folder>' },
  );
}

async function parseRequest(file: string): Promise<RequestFile> {
  try {
    return requestSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new BuildError('tuf/no-request', `Cannot read "${file}"`, {
      cause,
      hint: 'Give the folder that "--sign-later <folder>" has written',
    });
  }
}
