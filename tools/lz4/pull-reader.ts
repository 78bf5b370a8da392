import { broken } from './block.ts';

/** Reads exact counts of bytes off a stream of pieces of any size. */
export class PullReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#pieces = source[Symbol.asyncIterator]();
  }

  /** Valid until the next read. */
  async read(bytes: number): Promise<Buffer> {
    return (await this.readMaybe(bytes)) ?? broken('it ends too early');
  }

  /** Undefined where the stream has ended; in the middle of what was asked for, that is an error. */
  async readMaybe(bytes: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for (let missing = bytes; missing > 0;) {
      if (this.#piece.length === 0 && !(await this.#next())) {
        return missing === bytes ? undefined : broken('it ends too early');
      }
      const part = this.#piece.subarray(0, missing);
      this.#piece = this.#piece.subarray(part.length);
      parts.push(part);
      missing -= part.length;
    }
    const [only] = parts;
    return parts.length === 1 ? only : Buffer.concat(parts);
  }

  async skip(bytes: number): Promise<void> {
    const CHUNK = 1 << 16;
    for (let missing = bytes; missing > 0; missing -= CHUNK) await this.read(Math.min(missing, CHUNK));
  }

  async #next(): Promise<boolean> {
    const next = await this.#pieces.next();
    if (next.done === true) return false;
    const { buffer, byteOffset, byteLength } = next.value;
    this.#piece = Buffer.from(buffer, byteOffset, byteLength);
    return true;
  }
}
