/** Whether the targets are there, and are what the metadata says of them. */
import { createHash } from 'node:crypto';

import { BuildError } from '../errors.ts';
import type { Places } from './edition.ts';
import type { TargetFile } from './metadata.ts';
import { inParallel } from './parallel.ts';
import { targetFileName, targetNameComplaint } from './targets.ts';

const PARALLEL = 4;

export interface TargetOptions {
  /** `hashes` reads every byte of every target; `sizes` asks only whether it is there. */
  readonly depth: 'hashes' | 'sizes';
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

export interface Checked {
  readonly targets: readonly (readonly [name: string, file: TargetFile])[];
  readonly compressed: ReadonlySet<string>;
}

/** Every target that is not what the repository says of it. */
export async function targetFindings(
  places: Places,
  { targets, compressed }: Checked,
  options: TargetOptions,
): Promise<BuildError[]> {
  const total = targets.reduce((sum, [, { length }]) => sum + length, 0);
  let done = 0;
  const count = (bytes: number): void => {
    options.signal.throwIfAborted();
    options.onProgress((done += bytes), total);
  };
  const found = await inParallel(targets, PARALLEL, async ([name, file]) => {
    options.signal.throwIfAborted();
    const complaint = targetNameComplaint(name);
    if (complaint !== undefined) return complaint;
    const check = options.depth === 'sizes' ? checkSize : checkBytes;
    try {
      return await check(places, { name, file, isLz4: compressed.has(name) }, count);
    } catch (error) {
      // What cannot be read is a finding too, and keeps nobody from looking at the others.
      if (error instanceof BuildError) return error;
      throw error;
    }
  });
  return found.filter((finding) => finding !== undefined);
}

interface Suspect {
  readonly name: string;
  readonly file: TargetFile;
  readonly isLz4: boolean;
}

async function checkSize({ targets }: Places, { name, file }: Suspect): Promise<BuildError | undefined> {
  const found = await targets.stat(targetFileName(file.hashes.sha256, name));
  if (found === undefined) return absentTarget(name);
  if (found.size === file.length) return undefined;
  return new BuildError(
    'tuf/wrong-length',
    `Cannot trust target "${name}": expected ${file.length} bytes, got ${found.size}`,
  );
}

/** LZ4 frame format 1.6.3: magic number, little endian, then two bits of version. */
const LZ4_MAGIC = 0x184d2204;
const LZ4_HEADER_BYTES = 5;

/** Piece by piece: a target may be larger than memory. What is longer than it should be is read no further. */
async function checkBytes(
  places: Places,
  suspect: Suspect,
  count: (bytes: number) => void,
): Promise<BuildError | undefined> {
  const { name, file, isLz4 } = suspect;
  const pieces = await places.targets.stream(targetFileName(file.hashes.sha256, name));
  if (pieces === undefined) return absentTarget(name);
  const hash = createHash('sha256');
  let head = Buffer.alloc(0);
  let size = 0;
  for await (const chunk of pieces) {
    if (head.byteLength < LZ4_HEADER_BYTES) head = Buffer.concat([head, chunk.subarray(0, LZ4_HEADER_BYTES)]);
    size += chunk.byteLength;
    hash.update(chunk);
    count(chunk.byteLength);
    if (size > file.length) break;
  }
  if (size !== file.length)
    return new BuildError(
      'tuf/wrong-length',
      `Cannot trust target "${name}": expected ${file.length} bytes, got ${size > file.length ? 'more' : size}`,
    );
  const sha256 = hash.digest('hex');
  if (sha256 !== file.hashes.sha256)
    return new BuildError(
      'tuf/wrong-digest',
      `Cannot trust target "${name}": expected SHA-256 ${file.hashes.sha256}, got ${sha256}`,
    );
  if (!isLz4 || isLz4Frame(head)) return undefined;
  return new BuildError(
    'tuf/not-lz4',
    `Cannot install target "${name}": expected an LZ4 frame, and it does not begin like one`,
  );
}

function isLz4Frame(head: Buffer): boolean {
  return head.byteLength >= LZ4_HEADER_BYTES && head.readUInt32LE(0) === LZ4_MAGIC && head.readUInt8(4) >> 6 === 1;
}

function absentTarget(name: string): BuildError {
  return new BuildError(
    'tuf/half-repository',
    `Cannot find target "${name}": the repository names it, and it is not there`,
  );
}
