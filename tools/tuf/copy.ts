import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

import { parseSha256 } from '../graph/digest.ts';
import type { Digest } from '../graph/digest.ts';

const CHUNK_BYTES = 1 << 20;

/** Copies a file and hashes what it writes, in one pass and in constant memory; the copy is on disk when this ends. */
export async function copyAndDigest(
  from: string,
  to: string,
  onProgress: (bytes: number) => void = () => {},
): Promise<Digest> {
  await using source = await open(from);
  await using target = await open(to, 'w', 0o644);
  const hash = createHash('sha256');
  const { size: expected } = await source.stat();
  const buffers = [0, 1].map(() => Buffer.allocUnsafeSlow(Math.max(1, Math.min(CHUNK_BYTES, expected))));
  let size = 0;
  let written: Promise<unknown> = Promise.resolve();
  for (let turn = 0; ; turn += 1) {
    const buffer = buffers[turn % 2];
    if (buffer === undefined) throw new TypeError('there are two buffers');
    const { bytesRead } = await source.read(buffer, 0, buffer.length, size);
    await written;
    if (bytesRead === 0) break;
    const chunk = buffer.subarray(0, bytesRead);
    // Hashed while it is written; the next is read into the other buffer.
    written = target.write(chunk, 0, bytesRead, size);
    hash.update(chunk);
    size += bytesRead;
    onProgress(bytesRead);
  }
  await target.sync();
  return { hash: parseSha256(hash.digest('hex')), size };
}
