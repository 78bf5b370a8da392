/**
 * What is to be signed, as a folder: the key may live in another building.
 *
 *     request.json    which files, by which keys, for which image
 *     <name>          the file itself, to look at
 *     <name>.tbs      the bytes to sign: RSA, PKCS #1 1.5 with SHA-256
 *     <name>.sig      the signature, once it is there: bare bytes, as `openssl dgst -sha256 -sign` writes them
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { BuildError, throwAll } from '../errors.ts';
import { KEY_NAMES, publicKeyOf, type KeyName, type Profile } from './profile.ts';
import type { SigningItem } from './signer.ts';

const REQUEST = 'request.json';

const requestSchema = z.strictObject({
  version: z.literal(1),
  /** What it is for, for people. */
  image: z.string(),
  files: z.array(
    z.strictObject({
      name: z.string().regex(/^[\w.-]+$/),
      key: z.enum(KEY_NAMES),
      /** SHA-256 of the key's SubjectPublicKeyInfo. */
      'key-sha256': z.string(),
      sha256: z.string(),
      'to-be-signed-sha256': z.string(),
    }),
  ),
});

type Request = z.output<typeof requestSchema>;

export interface RequestFile extends SigningItem {
  readonly content: Buffer;
}

/** Writes the folder; signatures of an earlier request in it that no longer fit are found out when they come back. */
export function writeRequest(
  dir: string,
  image: string,
  { profile, files }: { profile: Profile; files: readonly RequestFile[] },
): void {
  mkdirSync(dir, { recursive: true });
  for (const { name, content, toBeSigned } of files) {
    write(join(dir, name), content);
    write(join(dir, `${name}.tbs`), toBeSigned);
  }
  const request: Request = {
    version: 1,
    image,
    files: files.map(({ name, key, content, toBeSigned }) => ({
      name,
      key,
      'key-sha256': keyDigest(profile, key),
      sha256: sha256(content),
      'to-be-signed-sha256': sha256(toBeSigned),
    })),
  };
  // Last: a folder with a request is whole.
  write(join(dir, REQUEST), Buffer.from(`${JSON.stringify(request, undefined, 2)}\n`));
}

/**
 * What a folder asks to be signed by the keys of a profile.
 * @throws BuildErrors secure-boot/no-request, secure-boot/other-profile, secure-boot/changed-request
 */
export function readRequest(
  dir: string,
  profile: Profile,
): { readonly image: string; readonly items: readonly SigningItem[] } {
  const { image, files } = parseRequest(dir);
  const errors: BuildError[] = [];
  const items = files.map(({ name, key, ...digests }) => {
    const toBeSigned = readFileSync(join(dir, `${name}.tbs`));
    if (sha256(toBeSigned) !== digests['to-be-signed-sha256'])
      errors.push(
        new BuildError(
          'secure-boot/changed-request',
          `Cannot sign ${join(dir, `${name}.tbs`)}: it is not what ${REQUEST} says`,
        ),
      );
    if (keyDigest(profile, key) !== digests['key-sha256'])
      errors.push(
        new BuildError(
          'secure-boot/other-profile',
          `Cannot sign ${name}: it asks for another ${key} than that of "${profile.name}"`,
          {
            hint: 'Name the profile the image was built with by --sbkeys',
          },
        ),
      );
    return { name, key, toBeSigned };
  });
  throwAll(errors);
  return { image, items };
}

function parseRequest(dir: string): Request {
  try {
    return requestSchema.parse(JSON.parse(readFileSync(join(dir, REQUEST), 'utf8')));
  } catch (cause) {
    throw new BuildError('secure-boot/no-request', `Cannot read what is to be signed in "${dir}"`, {
      hint: 'Give the folder that "build --sign-later <folder>" has written',
      cause,
    });
  }
}

export function writeSignatures(dir: string, signatures: ReadonlyMap<string, Uint8Array>): void {
  for (const [name, signature] of signatures) write(join(dir, `${name}.sig`), signature);
}

/** @throws BuildErrors secure-boot/no-signature */
export function readSignatures(dir: string, items: readonly SigningItem[]): ReadonlyMap<string, Buffer> {
  throwAll(
    items
      .map(({ name }) => join(dir, `${name}.sig`))
      .filter((file) => !existsSync(file))
      .map(
        (file) =>
          new BuildError('secure-boot/no-signature', `Cannot find a signature: expected ${file}`, {
            hint: `Where the keys are: npx tsx Makefile.ts sign ${dir}, or sign each .tbs file into a .sig by other means`,
          }),
      ),
  );
  return new Map(items.map(({ name }) => [name, readFileSync(join(dir, `${name}.sig`))]));
}

function keyDigest(profile: Profile, key: KeyName): string {
  return sha256(publicKeyOf(profile, key).export({ type: 'spki', format: 'der' }));
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function write(path: string, content: Uint8Array): void {
  writeFileSync(`${path}.part`, content);
  renameSync(`${path}.part`, path);
}
