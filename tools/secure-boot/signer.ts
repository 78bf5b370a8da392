import { createPrivateKey, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import { assertHasKeys, publicKeyOf, type KeyName, type Profile } from './profile.ts';

/** Bytes that a key is to sign: RSA, PKCS #1 1.5 with SHA-256. What is signed tells which of a profile's keys. */
export interface SigningItem {
  /** `vmlinuz` */
  readonly name: string;
  readonly key: KeyName;
  readonly toBeSigned: Buffer;
}

/**
 * Signs with the private keys of a profile's folder. Each is read when it is used, and goes nowhere.
 * @throws BuildError secure-boot/no-key
 */
export function signWithFiles(profile: Profile, items: readonly SigningItem[]): ReadonlyMap<string, Buffer> {
  assertHasKeys(profile);
  return new Map(
    items.map(({ name, key, toBeSigned }) => {
      const privateKey = createPrivateKey(readFileSync(join(profile.dir, `${key}.key`)));
      return [name, sign('sha256', toBeSigned, privateKey)];
    }),
  );
}

/** Whoever made them, signatures are believed when the profile's public keys say so. */
export function checkSignatures(
  profile: Profile,
  items: readonly SigningItem[],
  signatures: ReadonlyMap<string, Uint8Array>,
): BuildError[] {
  return items.flatMap(({ name, key, toBeSigned }) => {
    const signature = signatures.get(name);
    if (signature !== undefined && verify('sha256', toBeSigned, publicKeyOf(profile, key), signature)) return [];
    const message = `Cannot use the signature of ${name}: it is not one by ${key} of profile "${profile.name}"`;
    const hint =
      'Sign the .tbs file as it is: RSA, PKCS #1 1.5 with SHA-256; and see that profile and build are those it was made for';
    return [new BuildError('secure-boot/bad-signature', message, { hint })];
  });
}
