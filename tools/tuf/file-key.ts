import { constants, createPrivateKey, createPublicKey, sign as signBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { BuildError } from '../errors.ts';
import { errorCode } from '../graph/disk.ts';
import type { AskSecret } from '../keys/service-key.ts';
import { PSS_SALT_BYTES, tufKeyOf } from './key.ts';
import type { TufKey } from './key.ts';
import type { Signer } from './signer.ts';

export interface FileKey {
  readonly path: string;
  readonly passphraseFile?: string | undefined;
}

/**
 * A private key in a PEM file (PKCS#8, PKCS#1 or SEC 1), encrypted or not.
 * @throws BuildError tuf/no-such-key, tuf/not-a-key, tuf/locked-key
 */
export async function openFileKey({ path, passphraseFile }: FileKey, askSecret: AskSecret): Promise<Signer> {
  const text = await readText(path);
  if (!text.includes('PRIVATE KEY'))
    throw new BuildError(
      'tuf/not-a-key',
      `Cannot sign with "${path}": expected a private key in PEM, got ${isPublic(text) ? 'a public one' : 'something else'}`,
      { hint: isPublic(text) ? 'Where its private half is elsewhere, add --sign-later <folder>' : undefined },
    );
  const encrypted = text.includes('ENCRYPTED');
  const passphrase = encrypted ? await passphraseOf({ path, passphraseFile }, askSecret) : undefined;
  return localSigner(parsePrivate(text, path, passphrase), path);
}

/** No, where there is no such file, or one of the public half alone. */
export async function holdsPrivateKey(path: string): Promise<boolean> {
  try {
    return !isPublic(await readFile(path, 'utf8'));
  } catch (error) {
    return errorCode(error) !== 'ENOENT';
  }
}

function isPublic(text: string): boolean {
  return text.includes('PUBLIC KEY') && !text.includes('PRIVATE KEY');
}

/** The public half, of a file that may hold nothing else. */
export async function readPublicKey({ path, passphraseFile }: FileKey, askSecret: AskSecret): Promise<TufKey> {
  const text = await readText(path);
  if (text.includes('PRIVATE KEY')) return (await openFileKey({ path, passphraseFile }, askSecret)).key;
  try {
    return tufKeyOf(createPublicKey(text), path);
  } catch (cause) {
    if (cause instanceof BuildError) throw cause;
    throw new BuildError('tuf/not-a-key', `Cannot read key "${path}": expected a key in PEM`, { cause });
  }
}

/** A key in memory, of a file or of a store that hands it out. `name` is what a person knows it by. */
export function localSigner(key: KeyObject, name: string): Signer {
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: PSS_SALT_BYTES };
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return {
    key: tufKeyOf(createPublicKey(key), name),
    name,
    sign: (bytes) => Promise.resolve(signBytes(hash, bytes, key.asymmetricKeyType === 'rsa' ? { key, ...pss } : key)),
  };
}

/** The words of OpenSSL's errors tell nothing of a key; they are left out nevertheless. @throws BuildError tuf/not-a-key, tuf/locked-key */
export function parsePrivate(text: string, name: string, passphrase?: string): KeyObject {
  try {
    return createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    if (passphrase !== undefined)
      throw new BuildError('tuf/locked-key', `Cannot open key "${name}": the passphrase does not fit`);
    throw new BuildError('tuf/not-a-key', `Cannot read key "${name}": expected a private key in PEM`);
  }
}

async function passphraseOf({ path, passphraseFile }: FileKey, askSecret: AskSecret): Promise<string> {
  if (passphraseFile !== undefined) return (await readText(passphraseFile)).replace(/\r?\n$/, '');
  const answer = await askSecret(`Passphrase of ${path}: `);
  if (answer !== undefined) return answer;
  throw new BuildError(
    'tuf/locked-key',
    `Cannot open key "${path}": it is encrypted, and there is no terminal to ask at`,
    {
      hint: 'Name a file that holds the passphrase: passphrase-file',
    },
  );
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new BuildError('tuf/no-such-key', `Cannot read key "${path}"`, { cause });
  }
}
