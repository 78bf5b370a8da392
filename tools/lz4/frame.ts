/**
 * LZ4 Frame Format 1.6, decoded as a stream in bounded memory. Ours, because what npm has either holds all of a file in memory (lz4js,
 * lz4-napi, lz4-wasm-nodejs) or has to be compiled (lz4). Frames come from our own build, but are checked as if an attacker had
 * written them: every length against what is there, and every check sum that the frame carries.
 */
import { broken, decodeBlock, WINDOW_BYTES } from './block.ts';
import { PullReader } from './pull-reader.ts';
import { XxHash32, xxHash32 } from './xxhash32.ts';

const MAGIC = 0x184d2204;
/** Sixteen magic numbers of frames that hold a user's own data. */
const SKIPPABLE = 0x184d2a50;
/** The high bit of a block's size: stored as it is. */
const STORED = 0x80000000;

interface Descriptor {
  readonly linked: boolean;
  readonly blockChecksums: boolean;
  readonly contentChecksum: boolean;
  readonly contentSize: number | undefined;
  readonly maxBlockBytes: number;
}

export interface DecodeOptions {
  /** Of each frame, over all that comes out of it; `left out` by who knows the compressed bytes by a better digest. */
  readonly contentChecksum: 'verified' | 'left out';
}

/**
 * The content of all frames of `source`, in pieces of at most 4 MiB. A piece is only valid until the next is asked for.
 * @throws BuildError image/broken-lz4
 */
export async function* decodeFrames(
  source: AsyncIterable<Uint8Array>,
  options: DecodeOptions = { contentChecksum: 'verified' },
): AsyncGenerator<Buffer, void, undefined> {
  const reader = new PullReader(source);
  for (let frames = 0; ; frames += 1) {
    const magic = await reader.readMaybe(4);
    if (magic === undefined) return frames > 0 ? undefined : broken('expected a frame, got an empty file');
    const number = magic.readUInt32LE();
    if ((number & 0xfffffff0) >>> 0 === SKIPPABLE) await reader.skip((await reader.read(4)).readUInt32LE());
    else if (number === MAGIC) yield* decodeFrame(reader, options);
    else broken(`expected the magic number of a frame, got 0x${number.toString(16)}`);
  }
}

async function* decodeFrame(
  reader: PullReader,
  { contentChecksum }: DecodeOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const descriptor = await readDescriptor(reader);
  // Linked blocks reach into the last 64 KiB before them, kept in front of where the next one goes.
  const start = descriptor.linked ? WINDOW_BYTES : 0;
  const out = Buffer.allocUnsafe(start + descriptor.maxBlockBytes);
  const hash = descriptor.contentChecksum && contentChecksum === 'verified' ? new XxHash32() : undefined;
  let floor = start;
  let bytes = 0;
  for (;;) {
    const end = await readBlock(reader, out, { descriptor, start, floor });
    if (end === undefined) break;
    const piece = out.subarray(start, end);
    hash?.update(piece);
    bytes += piece.length;
    yield piece;
    const kept = Math.min(start, end - floor);
    out.copyWithin(start - kept, end - kept, end);
    floor = start - kept;
  }
  const expected = descriptor.contentChecksum ? (await reader.read(4)).readUInt32LE() : undefined;
  if (hash !== undefined && expected !== hash.digest()) broken('its content has another check sum');
  if (descriptor.contentSize !== undefined && descriptor.contentSize !== bytes)
    broken(`expected ${descriptor.contentSize} bytes of content, got ${bytes}`);
}

/** Gives where the block's content ends in `out`, or undefined at the end mark. */
async function readBlock(
  reader: PullReader,
  out: Buffer,
  { descriptor, start, floor }: { descriptor: Descriptor; start: number; floor: number },
): Promise<number | undefined> {
  const word = (await reader.read(4)).readUInt32LE();
  if (word === 0) return undefined;
  const size = word & ~STORED;
  if (size > descriptor.maxBlockBytes)
    broken(`expected blocks of at most ${descriptor.maxBlockBytes} bytes, got ${size}`);
  const block = await reader.read(size);
  const stored = (word & STORED) !== 0;
  const end = stored ? start + block.copy(out, start) : decodeBlock(block, out, { start, floor });
  if (descriptor.blockChecksums) {
    const expected = xxHash32(block);
    if ((await reader.read(4)).readUInt32LE() !== expected) broken('a block has another check sum');
  }
  return end;
}

/** FLG, BD, optional content size and dictionary id, and the second byte of their xxHash (section "Frame Descriptor"). */
async function readDescriptor(reader: PullReader): Promise<Descriptor> {
  const head = Buffer.from(await reader.read(2));
  const [flags = 0, blockInfo = 0] = head;
  if (flags >> 6 !== 1) broken(`expected version 1, got ${flags >> 6}`);
  if ((flags & 1) !== 0) broken('it needs a dictionary');
  const hasSize = (flags & 8) !== 0;
  const size = hasSize ? Buffer.from(await reader.read(8)) : Buffer.alloc(0);
  const check = (await reader.read(1)).readUInt8();
  if (((xxHash32(Buffer.concat([head, size])) >>> 8) & 0xff) !== check) broken('its header has another check sum');
  const code = (blockInfo >> 4) & 7;
  if (code < 4) broken(`expected a block size code from 4 to 7, got ${code}`);
  return {
    linked: (flags & 0x20) === 0,
    blockChecksums: (flags & 0x10) !== 0,
    contentChecksum: (flags & 4) !== 0,
    contentSize: hasSize ? Number(size.readBigUInt64LE()) : undefined,
    maxBlockBytes: 1 << (8 + 2 * code),
  };
}
