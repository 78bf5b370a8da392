/**
 * The signature of a kernel module (Documentation/admin-guide/module-signing.rst): a CMS message behind the file, then how long it is, then
 * a line of text. No attributes are signed, for the kernel refuses them; the signer's certificate is in the message, because the kernel
 * knows the authority above it alone: shim hands it over as MokListRT.
 */
import type { X509Certificate } from 'node:crypto';

import { BuildError } from '../errors.ts';
import { signedData } from './cms.ts';
import { oid, sequence } from './der.ts';

const MAGIC = Buffer.from('~Module signature appended~\n');
/** struct module_signature: 8 bytes that say PKCS #7 (id_type 2) and nothing else, and the length of the message, big-endian. */
const HEADER_BYTES = 12;
const PKCS7 = 2;

const ELF = Buffer.from('\x7fELF', 'latin1');
const RELOCATABLE = 1;

/**
 * A module without the signature it came with: what is to be signed.
 * @throws BuildError secure-boot/not-a-module
 */
export function moduleToBeSigned(file: Buffer, name: string): Buffer {
  if (!file.subarray(0, 4).equals(ELF) || file.length < 20 || file.readUInt16LE(16) !== RELOCATABLE) {
    throw new BuildError(
      'secure-boot/not-a-module',
      `Cannot sign "${name}": expected a kernel module (relocatable ELF)`,
      {
        hint: 'Unpack a module that is compressed (.ko.xz, .ko.zst) before it is signed',
      },
    );
  }
  if (!file.subarray(-MAGIC.length).equals(MAGIC)) return file;
  const header = file.length - MAGIC.length - HEADER_BYTES;
  const start = header < 0 ? -1 : header - file.readUInt32BE(header + 8);
  if (start > 0) return file.subarray(0, start);
  throw new BuildError(
    'secure-boot/not-a-module',
    `Cannot sign "${name}": the signature it came with is longer than the file`,
  );
}

export interface ModuleSignature {
  readonly certificate: X509Certificate;
  /** RSA, PKCS #1 1.5 with SHA-256, of `moduleToBeSigned`. */
  readonly signature: Uint8Array;
}

/** `bare`: as `moduleToBeSigned` gives it. */
export function withModuleSignature(bare: Buffer, signed: ModuleSignature): Buffer {
  const message = signedData({ ...signed, content: sequence(oid('1.2.840.113549.1.7.1')) });
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(PKCS7, 2);
  header.writeUInt32BE(message.length, 8);
  return Buffer.concat([bare, message, header, MAGIC]);
}
