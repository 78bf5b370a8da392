import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { open } from 'node:fs/promises';

import { BuildError } from '../errors.ts';
import { errorCode } from '../graph/disk.ts';
import { tufKeyOf } from './key.ts';
import type { TufKey } from './key.ts';

export const KEY_TYPES = ['ed25519', 'rsa', 'p256'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

export interface NewKey {
  readonly type: KeyType;
  /** Without one, whoever reads the file has the key. */
  readonly passphrase?: string | undefined;
}

const RSA_BITS = 3072;

/**
 * Makes a key pair and writes its private half, as PKCS#8 in PEM, for its owner alone. Never over a file.
 * @throws BuildError tuf/key-there
 */
export async function makeKey(path: string, { type, passphrase }: NewKey): Promise<{ key: TufKey; publicPem: string }> {
  const { privateKey, publicKey } = makePair(type);
  const lock = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  await writeNew(path, privateKey.export({ type: 'pkcs8', format: 'pem', ...lock }).toString());
  return { key: tufKeyOf(publicKey, path), publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

function makePair(type: KeyType): { privateKey: KeyObject; publicKey: KeyObject } {
  switch (type) {
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: RSA_BITS });
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    // The mode is the file's from its first moment, not mended afterwards.
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(text);
    await file.sync();
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw cause;
    throw new BuildError('tuf/key-there', `Cannot write a key to "${path}": there is a file`, {
      hint: 'Name another: a key that is lost this way cannot be brought back',
    });
  }
}
