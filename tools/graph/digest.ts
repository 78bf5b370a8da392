import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

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

export async function digestFile(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  let size = 0;
  const chunks: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: 1 << 20 });
  for await (const bytes of chunks) {
    hash.update(bytes);
    size += bytes.byteLength;
  }
  return { hash: parseSha256(hash.digest('hex')), size };
}
