import { createPrivateKey, sign, verify, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { BuildError, throwAll } from '../errors.ts';
import { openServiceKey, type KeyContext, type Scheme, type ServiceKey } from '../keys/service-key.ts';
import { KEY_NAMES, publicKeyOf, type KeyName, type Profile } from './profile.ts';

/** Bytes that a key is to sign: RSA, PKCS #1 1.5 with SHA-256. What is signed tells which of a profile's keys. */
export interface SigningItem {
  /** `vmlinuz` */
  readonly name: string;
  readonly key: KeyName;
  readonly toBeSigned: Buffer;
}

/** From items to signatures, by name. */
export type Sign = (items: readonly SigningItem[]) => Promise<ReadonlyMap<string, Uint8Array>>;

/**
 * What signs for a profile, wherever its keys are. Those that a service keeps are asked now whether they are the profile's own: an hour
 * later would be a bad time to hear of it.
 * @throws BuildErrors secure-boot/no-key, secure-boot/key-mismatch, secure-boot/not-rsa, keys/...
 */
export async function openSigner(profile: Profile, context: Omit<KeyContext, 'dir'>): Promise<Sign> {
  const { keys, name, dir } = profile;
  if (keys === 'here') return (items) => Promise.resolve(signWithFiles(profile, items));
  if (keys === 'kept') return signWithServices(await openKept(profile, context));
  throw new BuildError('secure-boot/no-key', `Cannot sign with the keys "${name}": ${dir} has no private key`, {
    hint: 'Build with --sign-later <folder>, sign what it writes where the keys are, and bring it back by "sign --from <folder>"',
  });
}

/** Each private key is read when it is used, and goes nowhere. */
export function signWithFiles({ dir }: Profile, items: readonly SigningItem[]): ReadonlyMap<string, Buffer> {
  return new Map(
    items.map(({ name, key, toBeSigned }) => {
      const privateKey = createPrivateKey(readFileSync(join(dir, `${key}.key`)));
      return [name, sign('sha256', toBeSigned, privateKey)];
    }),
  );
}

type KeptKeys = Readonly<Record<KeyName, ServiceKey>>;

function signWithServices(keys: KeptKeys): Sign {
  return async (items) => {
    const signatures = new Map<string, Uint8Array>();
    // One after the other: a token has one session, and a service counts requests.
    for (const { name, key, toBeSigned } of items) signatures.set(name, await keys[key].sign(toBeSigned));
    return signatures;
  };
}

/** @throws BuildErrors each with its place in keys.yaml */
async function openKept(profile: Profile, context: Omit<KeyContext, 'dir'>): Promise<KeptKeys> {
  const { sources, dir } = profile;
  if (sources === undefined) throw new TypeError('kept keys have sources');
  const keys = await openKeys(sources, { ...context, dir });
  throwAll(
    KEY_NAMES.filter((name) => !keys[name].publicKey.equals(publicKeyOf(profile, name))).map((name) => {
      const other = name === 'config-sign' ? 'config-sign.pub' : `${name}.crt`;
      const message = `Cannot sign with "${keys[name].name}": it is not the key of ${other}`;
      return new BuildError('secure-boot/key-mismatch', message, { at: sources.locate([name]) });
    }),
  );
  return keys;
}

/** The keys that a profile is made of, or was. @throws BuildErrors keys/..., secure-boot/not-rsa, each with its place in the file */
export async function openKeys(sources: NonNullable<Profile['sources']>, context: KeyContext): Promise<KeptKeys> {
  const errors: BuildError[] = [];
  const keys: Partial<Record<KeyName, ServiceKey>> = {};
  for (const name of KEY_NAMES) {
    try {
      keys[name] = await openServiceKey(sources.value[name], schemeOf, context);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      const { code, message, hint, cause } = error;
      errors.push(new BuildError(code, message, { hint, cause, at: sources.locate([name]) }));
    }
  }
  throwAll(errors);
  const { 'shim-sign': shim, 'code-sign': code, 'config-sign': config } = keys;
  if (!shim || !code || !config) throw new TypeError('nothing was complained of');
  return { 'shim-sign': shim, 'code-sign': code, 'config-sign': config };
}

/** Firmware and GRUB verify nothing else everywhere. */
function schemeOf(key: KeyObject, name: string): Scheme {
  if (key.asymmetricKeyType === 'rsa') return 'rsa-pkcs1';
  const message = `Cannot sign with "${name}": expected an RSA key, got ${key.asymmetricKeyType ?? 'none'}`;
  throw new BuildError('secure-boot/not-rsa', message);
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
