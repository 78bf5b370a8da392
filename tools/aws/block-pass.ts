/**
 * One pass over the compressed stream of a disk, its blocks sent as they come: blocks of zeros left out, and of the last release's blocks
 * those that are the same. What is under way is bounded by the lanes, so memory is too.
 */
import type { Block } from './blocks.ts';
import { BLOCK_BYTES, blockDigest, readBlocks, ZERO_DIGEST } from './blocks.ts';
import type { DiskImage } from './image-spec.ts';
import type { Region } from './region.ts';
import type { SnapshotJournal } from './snapshot-journal.ts';
import type { Verdict } from './verdict.ts';

/** A snapshot just started is not known everywhere at once. */
const UNKNOWN_AT_FIRST_MS = 120_000;
const WAITING = 8;

/** The last release, whose blocks need not be sent again. */
export interface Parent {
  readonly snapshot: string;
  /** Of all blocks that it holds. */
  readonly digests: ReadonlyMap<number, string>;
}

export interface UploadProgress {
  /** Of the disk, whether sent or left out. */
  readonly bytes: number;
  readonly sentBlocks: number;
  readonly throttles: number;
}

export interface PassOptions {
  readonly disk: DiskImage;
  readonly parent: Parent | undefined;
  readonly snapshot: string;
  /** Absent for a snapshot that is complete: then the pass only tells which blocks it must hold. */
  readonly journal: SnapshotJournal | undefined;
  /** Where nobody writes, a snapshot reads as zeros; not so an encrypted one, whose volumes decrypt what is not there. */
  readonly zeros: 'left out' | 'sent';
  readonly onProgress: (progress: UploadProgress) => void;
}

/** One pass over a disk. */
export class BlockPass {
  /** Blocks written to the snapshot, by this run or one before. */
  readonly written = new Map<number, string>();
  /** Blocks that the snapshot must hold in the end. */
  readonly content = new Map<number, string>();
  sent = 0;
  readonly #at: Region;
  readonly #options: PassOptions;
  readonly #acknowledged: ReadonlyMap<number, string>;
  readonly #underWay = new Set<Promise<void>>();
  readonly #startedMs = performance.now();
  /** Room of blocks that are done with. */
  readonly #spare: Buffer[] = [];
  #wake: () => void = () => {};
  #failure: Error | undefined;
  #bytes = 0;

  constructor(at: Region, options: PassOptions) {
    this.#at = at;
    this.#options = options;
    this.#acknowledged = new Map(options.journal?.digests);
  }

  async run(): Promise<void> {
    try {
      for await (const block of readBlocks(this.#options.disk, this.#spare)) {
        await this.#take(block);
        if (this.#failure !== undefined) break;
      }
    } finally {
      await Promise.all(this.#underWay);
      this.#spare.length = 0;
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.#report(0);
  }

  /** Takes a block on. Returns once there is room for another. */
  async #take(block: Block): Promise<void> {
    // Over a block of the parent zeros must be written.
    if (this.#isLeftOut(block) && this.#options.parent?.digests.has(block.index) !== true) {
      this.#report(BLOCK_BYTES);
      return;
    }
    const handling = this.#handle(block);
    this.#underWay.add(handling);
    void handling.finally(() => {
      this.#underWay.delete(handling);
      this.#wake();
    });
    // One in each lane, and a few that wait for theirs, or before they are tried again.
    while (this.#underWay.size >= this.#at.lanes.ebs.limit + WAITING) await this.#oneLess();
  }

  #isLeftOut({ zero }: Block): boolean {
    return zero && this.#options.zeros === 'left out';
  }

  /** Promise.race() would add a listener to each that is under way, for every block. */
  async #oneLess(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** Sends a block, or knows why not. */
  async #handle(block: Block): Promise<void> {
    try {
      const digest = block.zero ? ZERO_DIGEST : await blockDigest(block.bytes);
      if (!this.#isLeftOut(block)) this.content.set(block.index, digest);
      await this.#bring(block, digest);
      if (!block.zero) this.#spare.push(block.bytes);
      this.#report(BLOCK_BYTES);
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new TypeError('expected an error', { cause: error });
    }
  }

  async #bring({ index, bytes }: Block, digest: string): Promise<void> {
    const { parent, journal } = this.#options;
    if (journal === undefined || digest === parent?.digests.get(index)) return;
    this.written.set(index, digest);
    if (this.#acknowledged.get(index) === digest) return;
    await this.#at.call(
      'ebs:PutSnapshotBlock',
      (o) => this.#put({ index, bytes, digest }, o),
      (error) => this.#judge(error),
    );
    journal.add(index, digest);
    this.sent += 1;
  }

  async #put(
    { index, bytes, digest }: { index: number; bytes: Buffer; digest: string },
    handler: { abortSignal: AbortSignal },
  ): Promise<void> {
    // One that fails for good ends the pass: the others need not be sent.
    if (this.#failure !== undefined) throw this.#failure;
    const block = { BlockIndex: index, BlockData: bytes, DataLength: BLOCK_BYTES };
    await this.#at.ebs.putSnapshotBlock(
      { SnapshotId: this.#options.snapshot, ...block, Checksum: digest, ChecksumAlgorithm: 'SHA256' },
      handler,
    );
  }

  #judge(error: unknown): Verdict | undefined {
    const unknown = error instanceof Error && error.name === 'ResourceNotFoundException';
    return unknown && performance.now() - this.#startedMs < UNKNOWN_AT_FIRST_MS && this.sent === 0
      ? 'again'
      : undefined;
  }

  #report(bytes: number): void {
    this.#bytes += bytes;
    const { throttles } = this.#at.lanes.ebs;
    this.#options.onProgress({
      bytes: Math.min(this.#bytes, this.#options.disk.bytes),
      sentBlocks: this.sent,
      throttles,
    });
  }
}
