/**
 * A role on its way: its words are fixed, and not enough of its keys have signed. Whose signatures lack is told here, and those that come
 * from elsewhere are taken in, each only if it holds.
 *
 *     UnsignedRole --signAtHand()--> HalfSigned --takeSignatures(), signAtHand()--> SignedRole
 */
import { BuildError } from '../errors.ts';
import { canonicalBytes, verifySignature } from './key.ts';
import type { KeyId } from './key.ts';
import type { Envelope, Signature, Signed } from './metadata.ts';
import { short, SignedRole, signersOf } from './role.ts';
import type { UnsignedRole } from './role.ts';
import { signPayload } from './signer.ts';
import type { IdentifiedSigner } from './signer.ts';
import { goodSigners } from './trust.ts';
import type { Authority } from './trust.ts';

export interface HalfSigned<S extends Signed = Signed> extends UnsignedRole<S> {
  /** Each holds, and none is of the same key as another. */
  readonly signatures: readonly Signature[];
}

/** Keys that still have to sign, of one of the roots that have a say. */
export interface Lacking {
  readonly said: string;
  readonly signed: readonly KeyId[];
  readonly others: readonly KeyId[];
  readonly threshold: number;
}

export function lackingUnder(
  { payload, signatures }: Pick<Envelope<Signed>, 'payload' | 'signatures'>,
  authority: Authority,
): Lacking {
  const signed = goodSigners(payload, signatures, authority);
  const others = authority.keyids.filter((id) => !signed.includes(id));
  return { said: authority.said, signed, others, threshold: authority.threshold };
}

/** Adds signatures, in place of earlier ones of the same keys. @throws BuildError tuf/bad-signature for one of a key that has no say */
export function takeSignatures(
  { role, signed, signatures }: HalfSigned,
  added: readonly Signature[],
  { authorities, hint }: { readonly authorities: readonly Authority[]; readonly hint: string },
): readonly Signature[] {
  const payload = canonicalBytes(signed);
  for (const { keyid, sig } of added) {
    const key = authorities.find(({ keyids }) => keyids.includes(keyid))?.keys[keyid];
    if (key !== undefined && verifySignature(key, payload, sig)) continue;
    const finding = key === undefined ? 'no root names that key' : 'it is not over these bytes';
    throw new BuildError(
      'tuf/bad-signature',
      `Cannot take a signature of key ${short(keyid)} for ${role} version ${signed.version}: ${finding}`,
      { hint },
    );
  }
  return [...signatures.filter(({ keyid }) => !added.some((each) => each.keyid === keyid)), ...added];
}

/**
 * Signs with the keys that are here and have not signed yet; with enough of them, and of those before, the role is signed.
 * @throws BuildError tuf/bad-signature
 */
export async function signAtHand<S extends Signed>(
  half: HalfSigned<S>,
  signers: readonly IdentifiedSigner[],
  authority: Authority,
): Promise<SignedRole<S> | HalfSigned<S>> {
  const payload = canonicalBytes(half.signed);
  const before = goodSigners(payload, half.signatures, authority);
  const able = signersOf(authority, signers).filter(({ id }) => !before.includes(id));
  const added = await Promise.all(able.map((signer) => signPayload(payload, signer)));
  const signatures = [...half.signatures.filter(({ keyid }) => before.includes(keyid)), ...added];
  if (signatures.length < authority.threshold) return { ...half, signatures };
  return SignedRole.fromSigned(half, signatures, [authority]);
}

export function isSigned<S extends Signed>(role: SignedRole<S> | HalfSigned<S>): role is SignedRole<S> {
  return role instanceof SignedRole;
}
