/** SignedData (PKCS #7 1.5, RFC 5652) by one RSA key with SHA-256. */
import type { X509Certificate } from 'node:crypto';

import { contentOf, elements, NULL, octets, oid, sequence, setOf, smallInteger, tagged } from './der.ts';

export const SHA256 = sequence(oid('2.16.840.1.101.3.4.2.1'), NULL);
const RSA = sequence(oid('1.2.840.113549.1.1.1'), NULL);

export interface Signed {
  /** ContentInfo: a type, and the content where it is not kept apart. */
  readonly content: Buffer;
  /** A SET of what is signed in place of the content. */
  readonly attributes?: Buffer;
  /** Whose key made the signature. Readers have the certificate above it themselves. */
  readonly certificate: X509Certificate;
  readonly signature: Uint8Array;
}

export function signedData({ content, attributes, certificate, signature }: Signed): Buffer {
  const [serial, issuer] = issuerAndSerial(certificate);
  const signer = sequence(
    smallInteger(1),
    sequence(issuer, serial),
    SHA256,
    // As [0] in place of SET.
    ...(attributes === undefined ? [] : [tagged(0, contentOf(attributes))]),
    RSA,
    octets(signature),
  );
  const data = sequence(smallInteger(1), setOf(SHA256), content, tagged(0, certificate.raw), setOf(signer));
  return sequence(oid('1.2.840.113549.1.7.2'), tagged(0, data));
}

/** TBSCertificate (RFC 5280, 4.1): version, serial number, algorithm, issuer. */
function issuerAndSerial(certificate: X509Certificate): [serial: Buffer, issuer: Buffer] {
  const [body = Buffer.alloc(0)] = elements(certificate.raw);
  const [, serial, , issuer] = elements(body);
  if (serial === undefined || issuer === undefined) throw new RangeError('Expected a certificate of version 3');
  return [serial, issuer];
}
