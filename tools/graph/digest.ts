import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

declare const brand: unique symbol;

/** 64 lower-case hex digits. */
export type Sha256 = string & { readonly [brand]: 'Sha256' };

/** A blob's identity, as in Remote Execution API v2: SHA-256 of its bytes, and how many they are. */
export interface Digest {
  readonly hash: Sha256;
  readonly size: number;
}

export function parseSha256(text: string): Sha256 {
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new TypeError(`Expected 64 lower-case hex digits, got ${JSON.stringify(text)}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the brand's one constructor
  return text as Sha256;
}

export function digestOf(content: string | Uint8Array): Digest {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return { hash: parseSha256(createHash('sha256').update(bytes).digest('hex')), size: bytes.byteLength };
}

const CHUNK_BYTES = 1 << 20;

/** Reads the next chunk while one is hashed. (A read stream takes four times the CPU: it makes a buffer for each chunk.) */
export async function digestFile(path: string): Promise<Digest> {
  await using file = await open(path);
  const hash = createHash('sha256');
  const buffers = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)] as const;
  let size = 0;
  let pending = file.read(buffers[0], 0, CHUNK_BYTES, 0);
  for (let chunk = 1; ; chunk += 1) {
    const { bytesRead, buffer } = await pending;
    if (bytesRead === 0) break;
    size += bytesRead;
    pending = file.read(buffers[chunk % 2 === 0 ? 0 : 1], 0, CHUNK_BYTES, size);
    hash.update(buffer.subarray(0, bytesRead));
  }
  return { hash: parseSha256(hash.digest('hex')), size };
}
