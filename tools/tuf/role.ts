/**
 * A role's way from words to bytes, in types: only what is signed has bytes, and those bytes are what is hashed, written and read back.
 *
 *     UnsignedRole --signRole()--> SignedRole <--fromBytes()-- bytes of others
 *
 * Where not all keys are at hand there is a stop on the way: see half-signed.ts.
 */
import { createHash } from 'node:crypto';

import { BuildError } from '../errors.ts';
import { canonicalBytes } from './key.ts';
import { fileNameOf } from './metadata.ts';
import type { Envelope, MetaFile, Signature, Signed } from './metadata.ts';
import { signPayload } from './signer.ts';
import type { IdentifiedSigner } from './signer.ts';
import { assertSigned } from './trust.ts';
import type { Authority } from './trust.ts';

export interface UnsignedRole<S extends Signed> {
  readonly role: string;
  readonly signed: S;
}

/** A role that meets the threshold of its authority: nothing else can be written. */
export class SignedRole<S extends Signed = Signed> {
  readonly role: string;
  readonly signed: S;
  readonly signatures: readonly Signature[];
  /** The exact bytes of the file. Nothing is printed again: what was hashed is what is written. */
  readonly bytes: Uint8Array;
  /** Nothing else is one, whatever it looks like. */
  declare protected readonly brand: 'signed';

  private constructor(role: string, { signed, signatures }: Omit<Envelope<S>, 'payload'>, bytes: Uint8Array) {
    this.role = role;
    this.signed = signed;
    this.signatures = signatures;
    this.bytes = bytes;
  }

  get fileName(): string {
    return fileNameOf(this.role, this.signed.version);
  }

  /** What snapshot and timestamp say of a file. */
  get meta(): MetaFile {
    const sha256 = createHash('sha256').update(this.bytes).digest('hex');
    return { version: this.signed.version, length: this.bytes.byteLength, hashes: { sha256 } };
  }

  /** @throws BuildError tuf/below-threshold */
  static fromSigned<T extends Signed>(
    { role, signed }: UnsignedRole<T>,
    signatures: readonly Signature[],
    authorities: readonly Authority[],
  ): SignedRole<T> {
    const envelope = { signed, signatures, payload: canonicalBytes(signed) };
    for (const authority of authorities) assertSigned(envelope, authority, fileNameOf(role, signed.version));
    return new SignedRole(role, envelope, printRole(signed, signatures));
  }

  /** @throws BuildError tuf/below-threshold */
  static fromBytes<T extends Signed>(
    role: string,
    { envelope, bytes }: { envelope: Envelope<T>; bytes: Uint8Array },
    authorities: readonly Authority[],
  ): SignedRole<T> {
    for (const authority of authorities) assertSigned(envelope, authority, fileNameOf(role, envelope.signed.version));
    return new SignedRole(role, envelope, bytes);
  }
}

/**
 * Signs with every key that the authority names.
 * @throws BuildError tuf/no-key when they are fewer than its threshold, tuf/bad-signature
 */
export async function signRole<S extends Signed>(
  unsigned: UnsignedRole<S>,
  signers: readonly IdentifiedSigner[],
  authority: Authority,
): Promise<SignedRole<S>> {
  const able = signersOf(authority, signers);
  if (able.length < authority.threshold) throw tooFewKeys(unsigned.role, signers, authority);
  const payload = canonicalBytes(unsigned.signed);
  const signatures = await Promise.all(able.map((signer) => signPayload(payload, signer)));
  return SignedRole.fromSigned(unsigned, signatures, [authority]);
}

/** Each key once. */
export function signersOf({ keyids }: Authority, signers: readonly IdentifiedSigner[]): readonly IdentifiedSigner[] {
  return keyids.map((id) => signers.find((signer) => signer.id === id)).filter((signer) => signer !== undefined);
}

/** Pretty, two spaces, one line feed: the form that is published. Signatures are over the canonical form. */
export function printRole(signed: Signed, signatures: readonly Signature[]): Uint8Array {
  return Buffer.from(`${JSON.stringify({ signatures, signed }, undefined, 2)}\n`);
}

export function tooFewKeys(role: string, signers: readonly IdentifiedSigner[], authority: Authority): BuildError {
  const { threshold, keyids, said } = authority;
  const have = signersOf(authority, signers).length;
  const lacking = keyids.filter((id) => !signers.some((signer) => signer.id === id));
  const finding = `${said} wants ${threshold} of its keys ${keyids.map(short).join(', ')}, and ${have} of them can be used here`;
  return new BuildError('tuf/no-key', `Cannot sign ${role}: ${finding}`, {
    hint: `Name in "signing-keys" where one of ${lacking.map(short).join(', ')} is kept; where they are elsewhere, add --sign-later <folder>`,
    cause:
      signers.length === 0
        ? undefined
        : new Error(`keys at hand: ${signers.map(({ id, name }) => `${short(id)} (${name})`).join(', ')}`),
  });
}

/** Enough of a key's id to tell it from others. */
export function short(id: string): string {
  return id.slice(0, 12);
}
