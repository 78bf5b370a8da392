/** EFI_SIGNATURE_LIST (UEFI 2.10, 32.4.1): how certificates and digests lie in db and its like. */

export const X509 = 'a5c059a1-94e4-4aa7-87b5-ab155c2bf072';
export const SHA256 = 'c1c41626-504c-4092-aca9-41f936934328';

/** Type, sizes of the list, of its own header and of each entry: before the entries. */
const HEADER_BYTES = 28;
const OWNER_BYTES = 16;

/** A GUID as it is in memory: its first three fields are little-endian. */
export function guidBytes(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

/** EFI_SIGNATURE_DATA. */
export function signatureData(owner: string, content: Uint8Array): Buffer {
  return Buffer.concat([guidBytes(owner), content]);
}

/** A list of one entry. */
export function signatureList(type: string, entry: Buffer): Buffer {
  const sizes = Buffer.alloc(12);
  sizes.writeUInt32LE(HEADER_BYTES + entry.length, 0);
  sizes.writeUInt32LE(entry.length, 8);
  return Buffer.concat([guidBytes(type), sizes, entry]);
}

/** The entry (EFI_SIGNATURE_DATA), whoever its owner is, that holds `content`. */
export function findSignature(lists: Buffer, content: Uint8Array): Buffer | undefined {
  for (let at = 0; at + HEADER_BYTES <= lists.length; at += Math.max(lists.readUInt32LE(at + 16), HEADER_BYTES)) {
    const end = Math.min(at + lists.readUInt32LE(at + 16), lists.length);
    const size = lists.readUInt32LE(at + 24);
    if (size !== OWNER_BYTES + content.length) continue;
    const first = at + HEADER_BYTES + lists.readUInt32LE(at + 20);
    for (let entry = first; entry + size <= end; entry += size) {
      const data = lists.subarray(entry, entry + size);
      if (data.subarray(OWNER_BYTES).equals(content)) return data;
    }
  }
  return undefined;
}
