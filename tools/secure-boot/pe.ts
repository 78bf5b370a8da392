/** UEFI programs: PE/COFF files ("Microsoft Portable Executable and Common Object File Format"), as far as signing goes. */
import { createHash } from 'node:crypto';

import { BuildError } from '../errors.ts';

/** Where things are in a file. Offsets in bytes. */
interface Layout {
  readonly checksum: number;
  /** The data directory's entry of the certificate table: its place in the file and its size, 32 bits each. */
  readonly certificates: number;
  readonly sections: readonly Section[];
}

export interface Section {
  readonly name: string;
  /** In the file. */
  readonly offset: number;
  readonly size: number;
}

/** A certificate table's entries, and so the file before it, end at multiples of this. */
const ALIGNMENT = 8;
/** WIN_CERTIFICATE: length of all, revision 2.0, type PKCS #7. */
const CERTIFICATE_HEADER_BYTES = 8;

/** @throws BuildError secure-boot/not-a-program */
function layoutOf(file: Buffer): Layout {
  try {
    const start = file.readUInt32LE(0x3c);
    if (file.toString('latin1', 0, 2) !== 'MZ' || file.toString('latin1', start, start + 4) !== 'PE\0\0')
      throw new RangeError('expected "MZ" at its start, and "PE" where the header points to');
    const optional = start + 24;
    const magic = file.readUInt16LE(optional);
    if (magic !== 0x20b) throw new RangeError(`expected a 64-bit program (0x20b), got 0x${magic.toString(16)}`);
    const table = optional + file.readUInt16LE(start + 20);
    const count = file.readUInt16LE(start + 6);
    // COFF's symbols, 18 bytes each; behind them the names that are longer than 8 bytes.
    const names = file.readUInt32LE(start + 12) + 18 * file.readUInt32LE(start + 16);
    const sections = Array.from({ length: count }, (_, index) => sectionAt(file, table + index * 40, names));
    return { checksum: optional + 64, certificates: optional + 112 + 4 * 8, sections };
  } catch (cause) {
    throw new BuildError('secure-boot/not-a-program', 'Cannot read the file as a UEFI program (PE32+)', { cause });
  }
}

function sectionAt(file: Buffer, at: number, names: number): Section {
  const short = textAt(file, at).slice(0, 8);
  const name = short.startsWith('/') ? textAt(file, names + Number(short.slice(1))) : short;
  return { name, size: file.readUInt32LE(at + 16), offset: file.readUInt32LE(at + 20) };
}

function textAt(file: Buffer, at: number): string {
  return file.toString('latin1', at, Math.max(at, file.indexOf(0, at)));
}

/** @throws BuildError secure-boot/no-section */
export function sectionOf(file: Buffer, name: string): Section {
  const found = layoutOf(file).sections.find((section) => section.name === name);
  if (found !== undefined) return found;
  throw new BuildError('secure-boot/no-section', `Cannot find section "${name}" in the program`);
}

/**
 * What a signature of the file vouches for: SHA-256 of all of it but its checksum, its signatures, and where those are
 * ("Windows Authenticode Portable Executable Signature Format", Calculating the PE Image Hash). Headers and sections have to lie end
 * to end: readers disagree on whether what is between them counts.
 * @throws BuildError secure-boot/not-a-program, secure-boot/gap
 */
export function programDigest(file: Buffer): Buffer {
  const hashed = vouchedFor(file);
  const end = file.readUInt32LE(layoutOf(file).certificates) || file.length;
  return digestOf('sha256', [...hashed, Buffer.alloc(padding(end))]);
}

/**
 * What firmware tells a TPM of a program that it loads. Of one without a signature, which need not end at a multiple of 8, it is
 * another digest than what a signature would vouch for: nothing is put behind it.
 * @throws BuildError secure-boot/not-a-program, secure-boot/gap
 */
export function loadedDigest(file: Buffer, algorithm: string): Buffer {
  return digestOf(algorithm, vouchedFor(file));
}

function vouchedFor(file: Buffer): readonly Buffer[] {
  const { checksum, certificates, sections } = layoutOf(file);
  assertEndToEnd(file, sections);
  const end = file.readUInt32LE(certificates) || file.length;
  return [file.subarray(0, checksum), file.subarray(checksum + 4, certificates), file.subarray(certificates + 8, end)];
}

function digestOf(algorithm: string, parts: readonly Buffer[]): Buffer {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function assertEndToEnd(file: Buffer, sections: readonly Section[]): void {
  const filled = sections.filter(({ size }) => size > 0).toSorted((a, b) => a.offset - b.offset);
  const start = file.readUInt32LE(0x3c);
  // SizeOfHeaders.
  let end = file.readUInt32LE(start + 24 + 60);
  for (const { name, offset, size } of filled) {
    if (offset !== end) {
      const message = `Cannot sign the program: expected section "${name}" at byte ${end}, got ${offset}`;
      throw new BuildError('secure-boot/gap', message);
    }
    end = offset + size;
  }
}

/** The signatures behind a file as they are: entries of WIN_CERTIFICATE. */
export function signaturesOf(file: Buffer): Buffer {
  const { certificates } = layoutOf(file);
  const start = file.readUInt32LE(certificates);
  return file.subarray(start, start + file.readUInt32LE(certificates + 4));
}

/** The file without the signatures it came with, its length a multiple of 8. */
export function withoutSignatures(file: Buffer): Buffer {
  const { certificates } = layoutOf(file);
  const end = file.readUInt32LE(certificates) || file.length;
  const bare = Buffer.concat([file.subarray(0, end), Buffer.alloc(padding(end))]);
  bare.fill(0, certificates, certificates + 8);
  return bare;
}

/** The file with a signature (PKCS #7, DER) behind it, in place of those it came with. */
export function withSignature(file: Buffer, signature: Buffer): Buffer {
  const bare = withoutSignatures(file);
  const { certificates, checksum } = layoutOf(bare);
  const size = CERTIFICATE_HEADER_BYTES + signature.length;
  const header = Buffer.alloc(CERTIFICATE_HEADER_BYTES);
  header.writeUInt32LE(size, 0);
  header.writeUInt16LE(0x0200, 4);
  header.writeUInt16LE(0x0002, 6);
  const signed = Buffer.concat([bare, header, signature, Buffer.alloc(padding(size))]);
  signed.writeUInt32LE(bare.length, certificates);
  signed.writeUInt32LE(size + padding(size), certificates + 4);
  signed.writeUInt32LE(checksumOf(signed, checksum), checksum);
  return signed;
}

function padding(bytes: number): number {
  return -bytes & (ALIGNMENT - 1);
}

/** Of 16-bit words with the carry put back, the checksum's own place counted as zero; plus the length. */
function checksumOf(file: Buffer, own: number): number {
  let sum = 0;
  for (let at = 0; at < file.length; at += 2) {
    if (at === own || at === own + 2) continue;
    sum += file.readUInt16LE(at);
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  return sum + file.length;
}
