import { createHash } from 'node:crypto';
import { closeSync, fdatasync, openSync, readFileSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

import { parseSha256 } from '../graph/digest.ts';
import type { Digest } from '../graph/digest.ts';

const CHUNK_BYTES = 1 << 20;

const datasync = promisify(fdatasync);

/** Smaller files are read at once, on this thread: a way to another thread and back takes longer than reading one. */
const SMALL_BYTES = CHUNK_BYTES;

/** A file's bytes in order, each piece good until the next is asked for. */
export async function* pieces(path: string): AsyncGenerator<Uint8Array> {
  if (statSync(path).size <= SMALL_BYTES) {
    yield readFileSync(path);
    return;
  }
  await using file = await open(path);
  const buffers = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)] as const;
  let size = 0;
  let pending = file.read(buffers[0], 0, CHUNK_BYTES, size);
  for (let turn = 1; ; turn += 1) {
    const { bytesRead, buffer } = await pending;
    if (bytesRead === 0) return;
    size += bytesRead;
    // The next one is read while this one is looked at.
    pending = file.read(buffers[turn % 2 === 0 ? 0 : 1], 0, CHUNK_BYTES, size);
    yield buffer.subarray(0, bytesRead);
  }
}

/** Hashes a file where it lies; what it holds is on disk when this ends. */
export async function settleAndDigest(path: string, onProgress: (bytes: number) => void): Promise<Digest> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of pieces(path)) {
    hash.update(piece);
    size += piece.byteLength;
    onProgress(piece.byteLength);
  }
  const file = openSync(path, 'r');
  try {
    await datasync(file);
  } finally {
    closeSync(file);
  }
  return { hash: parseSha256(hash.digest('hex')), size };
}

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
