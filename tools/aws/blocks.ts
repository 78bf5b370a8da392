import { createHash, subtle } from 'node:crypto';
import { open } from 'node:fs/promises';

import { BuildError } from '../errors.ts';
import { Pacer } from '../graph/pacer.ts';
import { decodeFrames } from '../lz4/frame.ts';
import type { DiskImage } from './image-spec.ts';

/** EBS direct APIs know no other size. */
export const BLOCK_BYTES = 512 * 1024;
/** Whoever reads blocks gets this one for each that is of zeros: it is nobody's to write to. */
export const ZERO_BLOCK = Buffer.alloc(BLOCK_BYTES);
const READ_BYTES = 1 << 20;

/** Half a MiB of a disk, from `index * BLOCK_BYTES` on; the last one is filled up with zeros. */
export interface Block {
  readonly index: number;
  readonly bytes: Buffer;
  readonly zero: boolean;
}

/** How many blocks a disk has. */
export function countBlocks({ bytes }: Pick<DiskImage, 'bytes'>): number {
  return Math.ceil(bytes / BLOCK_BYTES);
}

/**
 * All blocks of a `.img.lz4`, straight from the compressed stream. At the end of the pass the file is known to be what SHA256SUMS
 * vouches for, and the disk to be of the size that the layout says.
 * Whoever is done with a block's bytes may put them into `spare`.
 * @throws BuildError image/broken-lz4, aws/other-image
 */
export async function* readBlocks(disk: DiskImage, spare: Buffer[] = []): AsyncGenerator<Block, void, undefined> {
  const hash = createHash('sha256');
  await using file = await open(disk.path);
  const chunk = Buffer.allocUnsafeSlow(READ_BYTES);
  async function* hashed(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, READ_BYTES);
      if (bytesRead === 0) return;
      const piece = chunk.subarray(0, bytesRead);
      hash.update(piece);
      yield piece;
    }
  }
  const pacer = new Pacer();
  let index = 0;
  let filled = 0;
  let block: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  // The digest of the file vouches for every byte of it.
  for await (const piece of decodeFrames(hashed(), { contentChecksum: 'left out' })) {
    for (let at = 0; at < piece.length;) {
      const copied = piece.copy(block, filled, at);
      at += copied;
      filled += copied;
      if (filled < BLOCK_BYTES) continue;
      const zero = block.equals(ZERO_BLOCK);
      yield { index, bytes: zero ? ZERO_BLOCK : block, zero };
      // A megabyte of the file can be hundreds of zeros: answers must not wait for the end of it.
      if (pacer.due) await pacer.pause();
      index += 1;
      filled = 0;
      // Whoever sends it still needs it.
      if (!zero) block = spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
    }
  }
  const bytes = index * BLOCK_BYTES + filled;
  if (filled > 0) {
    block.fill(0, filled);
    yield { index, bytes: block, zero: block.equals(ZERO_BLOCK) };
  }
  checkSource(disk, { bytes, sha256: hash.digest('hex') });
}

function checkSource(disk: DiskImage, found: { readonly bytes: number; readonly sha256: string }): void {
  const hint = 'Build the image again: npx tsx Makefile.ts build';
  if (found.sha256 !== disk.sha256)
    throw new BuildError(
      'aws/other-image',
      `Cannot upload "${disk.path}": expected SHA-256 ${disk.sha256}, got ${found.sha256}`,
      {
        hint,
      },
    );
  if (found.bytes !== disk.bytes)
    throw new BuildError(
      'aws/other-image',
      `Cannot upload "${disk.path}": expected ${disk.bytes} bytes, got ${found.bytes}`,
      {
        hint,
      },
    );
}

/** SHA-256 in base64, as the API wants it; by another thread, for a disk has thousands of blocks. */
export async function blockDigest(bytes: Buffer): Promise<string> {
  return Buffer.from(await subtle.digest('SHA-256', bytes)).toString('base64');
}

export const ZERO_DIGEST = createHash('sha256').update(ZERO_BLOCK).digest('base64');

/** The check sum of a whole snapshot, aggregation LINEAR: that of the digests of all blocks sent, in the order of their index. */
export function linearChecksum(digests: ReadonlyMap<number, string>): string {
  const hash = createHash('sha256');
  for (const index of [...digests.keys()].toSorted((a, b) => a - b))
    hash.update(Buffer.from(digests.get(index) ?? '', 'base64'));
  return hash.digest('base64');
}
