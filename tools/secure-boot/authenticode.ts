/**
 * The signature of a UEFI program ("Windows Authenticode Portable Executable Signature Format"; PKCS #7 1.5). No time is in it, and
 * RSA with PKCS #1 1.5 draws nothing at random: one program and one key give one signature.
 */
import { createHash, type X509Certificate } from 'node:crypto';

import { SHA256, signedData } from './cms.ts';
import { contentOf, der, octets, oid, sequence, setOf, tagged } from './der.ts';
import { programDigest } from './pe.ts';

const INDIRECT_DATA = oid('1.3.6.1.4.1.311.2.1.4');
/** SpcPeImageData: no flags, and a file name that is empty. */
const IMAGE_DATA = sequence(
  oid('1.3.6.1.4.1.311.2.1.15'),
  sequence(der(0x03, Buffer.of(0)), tagged(0, tagged(2, der(0x80)))),
);

/** SpcIndirectDataContent: what the program's digest is. */
function indirectData(program: Buffer): Buffer {
  return sequence(IMAGE_DATA, sequence(SHA256, octets(programDigest(program))));
}

/** The attributes, content type and digest of the content, as the signature covers them: a SET. */
export function programToBeSigned(program: Buffer): Buffer {
  const digest = createHash('sha256')
    .update(contentOf(indirectData(program)))
    .digest();
  return setOf(
    sequence(oid('1.2.840.113549.1.9.3'), setOf(INDIRECT_DATA)),
    sequence(oid('1.2.840.113549.1.9.4'), setOf(octets(digest))),
  );
}

export interface ProgramSignature {
  /** Whose key made it. Readers have the certificate above it themselves. */
  readonly certificate: X509Certificate;
  /** RSA, PKCS #1 1.5 with SHA-256, of `programToBeSigned`. */
  readonly signature: Uint8Array;
}

/** PKCS #7 SignedData, to go behind the program. */
export function programSignature(program: Buffer, signed: ProgramSignature): Buffer {
  const content = sequence(INDIRECT_DATA, tagged(0, indirectData(program)));
  return signedData({ ...signed, content, attributes: programToBeSigned(program) });
}
