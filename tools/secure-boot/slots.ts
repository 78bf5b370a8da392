/** Public keys in the programs of the boot chain: packages leave a place for them, so that no package depends on a key. */
import { BuildError } from '../errors.ts';
import { sectionOf } from './pe.ts';

/** The header of shim's certificate table: bytes trusted, bytes not trusted, and where each begins. 32 bits each, little-endian. */
const TABLE_HEADER_BYTES = 16;

/**
 * shim with the one certificate (DER) it trusts beside firmware's own.
 * @throws BuildError secure-boot/no-section, secure-boot/too-large
 */
export function withVendorCertificate(shim: Buffer, certificate: Buffer): Buffer {
  const { offset, size } = sectionOf(shim, '.vendor_cert');
  assertFits('the vendor certificate into shim', certificate.length, size - TABLE_HEADER_BYTES);
  const table = Buffer.alloc(size);
  const end = TABLE_HEADER_BYTES + certificate.length;
  for (const [index, value] of [certificate.length, 0, TABLE_HEADER_BYTES, end].entries())
    table.writeUInt32LE(value, index * 4);
  certificate.copy(table, TABLE_HEADER_BYTES);
  return replaced(shim, offset, table);
}

/** The certificate (DER) that a shim was given; empty where none was. @throws BuildError secure-boot/no-section */
export function vendorCertificateOf(shim: Buffer): Buffer {
  const { offset, size } = sectionOf(shim, '.vendor_cert');
  const table = shim.subarray(offset, offset + size);
  const [bytes, start] = [table.readUInt32LE(0), table.readUInt32LE(8)];
  return table.subarray(start, start + bytes);
}

/** An OpenPGP packet for private use (tag 63, RFC 4880 4.3) ends here in the slot; packages/grub says how it is made. */
const GRUB_SLOT = Buffer.from('\xff\x18key for grub.cfg follows', 'latin1');
const GRUB_SLOT_BYTES = 2048;

/**
 * GRUB with the one key (OpenPGP) that signs what it reads.
 * @throws BuildError secure-boot/no-slot, secure-boot/too-large
 */
export function withPublicKey(grub: Buffer, key: Buffer): Buffer {
  const slot = grub.indexOf(GRUB_SLOT);
  if (slot < 0 || grub.indexOf(GRUB_SLOT, slot + 1) >= 0) {
    const message = 'Cannot put a public key into GRUB: expected one place for it';
    throw new BuildError('secure-boot/no-slot', message, { hint: 'Build package grub of this checkout' });
  }
  const room = Buffer.alloc(GRUB_SLOT_BYTES - GRUB_SLOT.length);
  assertFits('the public key into GRUB', key.length, room.length);
  key.copy(room);
  return replaced(grub, slot + GRUB_SLOT.length, room);
}

function replaced(file: Buffer, offset: number, content: Buffer): Buffer {
  const copy = Buffer.from(file);
  content.copy(copy, offset);
  return copy;
}

function assertFits(what: string, bytes: number, room: number): void {
  if (bytes <= room) return;
  throw new BuildError('secure-boot/too-large', `Cannot put ${what}: expected at most ${room} bytes, got ${bytes}`);
}
