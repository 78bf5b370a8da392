import { BuildError } from '../errors.ts';

/** How far back a match may reach (LZ4 Block Format, "Offset"): what has to be kept of the blocks before a linked one. */
export const WINDOW_BYTES = 64 * 1024;
const MIN_MATCH = 4;
const LONGER = 15;
/** Below this, a loop is faster than a call. */
const SHORT = 16;

/**
 * Decodes one block (LZ4 Block Format) to `out` from `start` on; matches may reach back to `out[floor]`. Gives where it ended.
 * @throws BuildError image/broken-lz4
 */
export function decodeBlock(block: Buffer, out: Buffer, { start, floor }: { start: number; floor: number }): number {
  let from = 0;
  let to = start;
  const length = (nibble: number): number => {
    let sum = nibble;
    for (let byte = nibble === LONGER ? 255 : 0; byte === 255;) {
      byte = block[from++] ?? broken('a length has no end');
      sum += byte;
    }
    return sum;
  };
  while (from < block.length) {
    const token = block[from++] ?? 0;
    const literals = length(token >> 4);
    if (from + literals > block.length || to + literals > out.length) broken('literals run over the end');
    to += block.copy(out, to, from, from + literals);
    from += literals;
    if (from === block.length) return to;
    const offset = (block[from] ?? 0) | ((block[from + 1] ?? 0) << 8);
    from += 2;
    const count = length(token & LONGER) + MIN_MATCH;
    if (offset === 0 || to - offset < floor) broken('a match reaches back before the start');
    if (to + count > out.length) broken('a match runs over the end');
    copyMatch(out, { to, offset, count });
    to += count;
  }
  return to;
}

/** Source and target may overlap: then the bytes between them repeat. */
function copyMatch(out: Buffer, { to, offset, count }: { to: number; offset: number; count: number }): void {
  if (count < SHORT) {
    for (let index = to; index < to + count; index += 1) out[index] = out[index - offset] ?? 0;
  } else if (offset === 1) {
    out.fill(out[to - 1] ?? 0, to, to + count);
  } else {
    // What is copied doubles the pattern for the next round.
    for (let done = 0; done < count;) {
      const step = Math.min(offset + done, count - done);
      out.copyWithin(to + done, to - offset, to - offset + step);
      done += step;
    }
  }
}

export function broken(finding: string, cause?: unknown): never {
  throw new BuildError('image/broken-lz4', `Cannot decompress the LZ4 frame: ${finding}`, {
    hint: 'Build the image again, or copy it again from where it is whole',
    cause,
  });
}
