/** xxHash-32, seed 0, of bytes that come in pieces: the check sum of LZ4 frames (xxHash specification, section "XXH32"). */
const PRIME = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1] as const;
const STRIPE_BYTES = 16;

export class XxHash32 {
  readonly #lanes = new Int32Array([PRIME[0] + PRIME[1], PRIME[1], 0, -PRIME[0]]);
  readonly #rest = Buffer.alloc(STRIPE_BYTES);
  #restBytes = 0;
  #total = 0;

  update(bytes: Buffer): void {
    this.#total += bytes.length;
    let at = 0;
    if (this.#restBytes > 0) {
      at = bytes.copy(this.#rest, this.#restBytes, 0, STRIPE_BYTES - this.#restBytes);
      this.#restBytes += at;
      if (this.#restBytes < STRIPE_BYTES) return;
      this.#stripes(this.#rest, 0, STRIPE_BYTES);
    }
    const end = bytes.length - ((bytes.length - at) % STRIPE_BYTES);
    this.#stripes(bytes, at, end);
    this.#restBytes = bytes.copy(this.#rest, 0, end);
  }

  /** The hash of all so far, as an unsigned number. */
  digest(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#lanes;
    const large = this.#total >= STRIPE_BYTES;
    let hash = large ? (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0 : PRIME[4] | 0;
    hash = (hash + this.#total) | 0;
    let at = 0;
    for (; at + 4 <= this.#restBytes; at += 4) {
      hash = Math.imul(rotate((hash + Math.imul(this.#rest.readInt32LE(at), PRIME[2])) | 0, 17), PRIME[3]);
    }
    for (; at < this.#restBytes; at += 1) {
      hash = Math.imul(rotate((hash + Math.imul(this.#rest.readUInt8(at), PRIME[4])) | 0, 11), PRIME[0]);
    }
    hash = Math.imul(hash ^ (hash >>> 15), PRIME[1]);
    hash = Math.imul(hash ^ (hash >>> 13), PRIME[2]);
    return (hash ^ (hash >>> 16)) >>> 0;
  }

  /** Whole stripes of four little-endian words. Locals, for this runs over every byte of an image. */
  #stripes(bytes: Buffer, start: number, end: number): void {
    let [a = 0, b = 0, c = 0, d = 0] = this.#lanes;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = start; at < end; at += STRIPE_BYTES) {
      a = round(a, view.getInt32(at, true));
      b = round(b, view.getInt32(at + 4, true));
      c = round(c, view.getInt32(at + 8, true));
      d = round(d, view.getInt32(at + 12, true));
    }
    this.#lanes.set([a, b, c, d]);
  }
}

export function xxHash32(bytes: Buffer): number {
  const hash = new XxHash32();
  hash.update(bytes);
  return hash.digest();
}

function round(lane: number, word: number): number {
  return Math.imul(rotate((lane + Math.imul(word, PRIME[1])) | 0, 13), PRIME[0]);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
