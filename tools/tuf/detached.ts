/** Signatures that were made elsewhere: whose they are is found by trying, so that nobody has to say, and what is wrong with one is told. */
import { constants, createPublicKey, verify } from 'node:crypto';

import { BuildError } from '../errors.ts';
import { verifySignature } from './key.ts';
import type { TufKey } from './key.ts';
import type { Signature } from './metadata.ts';
import { short } from './role.ts';
import type { SignatureFile } from './signature-files.ts';
import type { Authority } from './trust.ts';

/** As hex: the bytes themselves, or what they say in hex or in base64. */
export function signatureForms(bytes: Uint8Array): readonly string[] {
  const raw = Buffer.from(bytes);
  const text = raw.toString('latin1').replaceAll(/\s+/g, '');
  const hex = /^([0-9a-f]{2})+$/i.test(text) ? [text.toLowerCase()] : [];
  const base64 = /^[0-9a-z+/]{40,}={0,2}$/i.test(text) ? [Buffer.from(text, 'base64').toString('hex')] : [];
  return [raw.toString('hex'), ...hex, ...base64];
}

/** The signature of one of an authority's keys over these bytes that a file holds. @returns or why it is none */
export function recognise(
  { file, bytes }: SignatureFile,
  payload: Uint8Array,
  { said, keys, keyids }: Authority,
): Signature | BuildError {
  const forms = signatureForms(bytes);
  for (const keyid of keyids) {
    const key = keys[keyid];
    const sig = key === undefined ? undefined : forms.find((form) => verifySignature(key, payload, form));
    if (sig !== undefined) return { keyid, sig };
  }
  const near = keyids.flatMap((id) =>
    nearMiss(keys[id], payload, forms).map((finding) => `of key ${short(id)}, ${finding}`),
  );
  const finding =
    near[0] ?? `it is of none of the ${keyids.length} keys that ${said} names, or over other bytes than these`;
  return new BuildError('tuf/bad-signature', `Cannot take signature "${file}": ${finding}`, {
    hint:
      near.length > 0
        ? PSS_HINT
        : 'Sign the .tbs file that lies beside it now, with one of the keys in request.json; take this one away',
  });
}

const PSS_HINT =
  'Sign it once more, and take this one away. With openssl pkeyutl: -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32 -pkeyopt rsa_mgf1_md:sha256 -digest sha256';

/** What people get wrong with RSA: the right key over the right bytes, padded or salted in another way than all TUF clients want it. */
function nearMiss(key: TufKey | undefined, payload: Uint8Array, forms: readonly string[]): readonly string[] {
  if (key?.keytype !== 'rsa') return [];
  const holds = (padding: number, saltLength?: number): boolean =>
    forms.some((form) => {
      const how = {
        key: createPublicKey(key.keyval.public),
        padding,
        ...(saltLength === undefined ? {} : { saltLength }),
      };
      return verify('sha256', payload, how, Buffer.from(form, 'hex'));
    });
  if (holds(constants.RSA_PKCS1_PADDING)) return ['but padded as PKCS #1 1.5 has it; expected PSS'];
  if (holds(constants.RSA_PKCS1_PSS_PADDING, constants.RSA_PSS_SALTLEN_AUTO))
    return ['but with a salt of another length; expected 32 bytes'];
  return [];
}
