import { createHash, createPublicKey, verify as verifyBytes, constants } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { canonicalize } from '@tufjs/canonical-json';
import { z } from 'zod';

import { BuildError } from '../errors.ts';

/** TUF 4.2: the public half of a key. Fields that are not known are part of its id, and so are kept. */
export const keySchema = z.looseObject({
  keytype: z.string(),
  scheme: z.string(),
  keyval: z.looseObject({ public: z.string() }),
});

export type TufKey = z.output<typeof keySchema>;
/** Hex SHA-256 of the canonical JSON of a key. */
export type KeyId = string;

/** RFC 8017's salt of the digest's own length: tough refuses any other. */
export const PSS_SALT_BYTES = 32;

const ED25519_SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const RSA_BITS = { min: 2048, max: 8192 };

/** The bytes that are hashed and signed: canonical JSON in UTF-8. */
export function canonicalBytes(value: unknown): Buffer {
  return Buffer.from(canonicalize(value));
}

export function keyIdOf(key: TufKey): KeyId {
  return createHash('sha256').update(canonicalBytes(key)).digest('hex');
}

/** As root.json holds it. @throws BuildError tuf/unsupported-key */
export function tufKeyOf(key: KeyObject, name: string): TufKey {
  const pem = (): string => key.export({ type: 'spki', format: 'pem' }).toString().trim();
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      if (modulusLength < RSA_BITS.min || modulusLength > RSA_BITS.max)
        throw unsupported(name, `an RSA key of ${modulusLength} bits`);
      return { keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: pem() } };
    case 'ed25519': {
      const raw = key.export({ type: 'spki', format: 'der' }).subarray(ED25519_SPKI_PREFIX.length);
      return { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: raw.toString('hex') } };
    }
    case 'ec':
      if (namedCurve !== 'prime256v1')
        throw unsupported(name, `an elliptic curve key on ${namedCurve ?? 'an unnamed curve'}`);
      return { keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', keyval: { public: pem() } };
    default:
      throw unsupported(name, `a key of type ${key.asymmetricKeyType ?? 'unknown'}`);
  }
}

function unsupported(name: string, got: string): BuildError {
  const expected = `RSA of ${RSA_BITS.min} to ${RSA_BITS.max} bits, Ed25519 or ECDSA P-256`;
  return new BuildError('tuf/unsupported-key', `Cannot sign with "${name}": expected ${expected}, got ${got}`);
}

/** Whether a signature is this key's, over these bytes. A key or signature that makes no sense is none. */
export function verifySignature(key: TufKey, bytes: Uint8Array, signature: string): boolean {
  if (!/^([0-9a-f]{2})+$/.test(signature)) return false;
  try {
    const how = verifierOf(key);
    return how !== undefined && verifyBytes(how.hash, bytes, how.key, Buffer.from(signature, 'hex'));
  } catch {
    return false;
  }
}

type Verifier = { hash: string | null; key: Parameters<typeof verifyBytes>[2] };

function verifierOf({ keytype, scheme, keyval }: TufKey): Verifier | undefined {
  switch (`${keytype} ${scheme}`) {
    case 'rsa rsassa-pss-sha256': {
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      return { hash: 'sha256', key: { key: createPublicKey(keyval.public), padding, saltLength: PSS_SALT_BYTES } };
    }
    case 'ed25519 ed25519': {
      const der = Buffer.concat([ED25519_SPKI_PREFIX, Buffer.from(keyval.public, 'hex')]);
      return { hash: null, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
    }
    case 'ecdsa ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp256 ecdsa-sha2-nistp256':
      return { hash: 'sha256', key: createPublicKey(keyval.public) };
    default:
      return undefined;
  }
}
