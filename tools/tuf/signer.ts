import { BuildError } from '../errors.ts';
import { keyIdOf, verifySignature } from './key.ts';
import type { KeyId, TufKey } from './key.ts';
import type { Signature } from './metadata.ts';

/** A key that can sign, wherever it is kept. Its private half never leaves there. */
export interface Signer {
  readonly key: TufKey;
  /** What a person knows it by; nothing secret. */
  readonly name: string;
  /** RSA: PSS over SHA-256 with a salt of 32 bytes; ECDSA: DER over SHA-256; Ed25519: over the bytes themselves. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

export interface IdentifiedSigner extends Signer {
  readonly id: KeyId;
}

export function identified(signer: Signer): IdentifiedSigner {
  return { key: signer.key, name: signer.name, id: keyIdOf(signer.key), sign: (bytes) => signer.sign(bytes) };
}

/**
 * Signs, and checks the signature as a client would: a provider that salts, hashes or encodes in another way is found here.
 * @throws BuildError tuf/bad-signature
 */
export async function signPayload(payload: Uint8Array, signer: IdentifiedSigner): Promise<Signature> {
  const { id, key, name } = signer;
  const sig = Buffer.from(await signer.sign(payload)).toString('hex');
  if (verifySignature(key, payload, sig)) return { keyid: id, sig };
  throw new BuildError(
    'tuf/bad-signature',
    `Cannot sign with "${name}": its signature does not hold for its own public key`,
  );
}
