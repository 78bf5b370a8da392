import { broken } from './block.ts';

/** Reads exact counts of bytes off a stream of pieces of any size; a piece is done with before the next is asked for. */
export class PullReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Buffer = Buffer.alloc(0);
  #scratch: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#pieces = source[Symbol.asyncIterator]();
  }

  /** Valid until the next read. */
  async read(bytes: number): Promise<Buffer> {
    return (await this.readMaybe(bytes)) ?? broken('it ends too early');
  }

  /** Undefined where the stream has ended; in the middle of what was asked for, that is an error. */
  async readMaybe(bytes: number): Promise<Buffer | undefined> {
    if (this.#piece.length >= bytes) return this.#take(bytes);
    // Megabytes for every block of a frame: the same ones each time.
    if (this.#scratch.length < bytes) this.#scratch = Buffer.allocUnsafeSlow(bytes);
    for (let have = 0; have < bytes;) {
      if (this.#piece.length === 0 && !(await this.#next())) {
        return have === 0 ? undefined : broken('it ends too early');
      }
      have += this.#take(bytes - have).copy(this.#scratch, have);
    }
    return this.#scratch.subarray(0, bytes);
  }

  #take(bytes: number): Buffer {
    const taken = this.#piece.subarray(0, bytes);
    this.#piece = this.#piece.subarray(taken.length);
    return taken;
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
