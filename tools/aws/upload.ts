/**
 * A disk becomes a snapshot through the EBS direct APIs: one pass over the compressed stream, blocks of zeros left out, and of the last
 * release's blocks those that are the same. What is under way is bounded by the lanes, so memory is too.
 */
import { createHash } from 'node:crypto';

import type { Block } from './blocks.ts';
import { BLOCK_BYTES, blockDigest, linearChecksum, readBlocks } from './blocks.ts';
import { serviceError } from './caller.ts';
import { TAGS } from './image-spec.ts';
import type { DiskImage, SnapshotSpec } from './image-spec.ts';
import type { Region } from './region.ts';
import { SnapshotJournal } from './snapshot-journal.ts';
import { awaitSnapshot, describeSnapshots, writeTags } from './snapshots.ts';
import type { FoundSnapshot } from './snapshots.ts';
import type { Verdict } from './verdict.ts';

/** A snapshot that nobody completes is given up by the service after this long. */
const TIMEOUT_MINUTES = 24 * 60;
/** A snapshot just started is not known everywhere at once. */
const UNKNOWN_AT_FIRST_MS = 120_000;
const MOST_STARTS = 3;
const WAITING = 8;
const GIB = 1024 ** 3;

/** The last release, whose blocks need not be sent again. */
export interface Parent {
  readonly snapshot: string;
  /** Of all its blocks that are not zero. */
  readonly digests: ReadonlyMap<number, string>;
}

export interface UploadOptions {
  readonly spec: SnapshotSpec;
  readonly journalPath: string;
  /** Own snapshots of this very content that are there already. */
  readonly found: readonly FoundSnapshot[];
  readonly parent: Parent | undefined;
  /** A key of KMS; `null` for the account's own. */
  readonly kmsKey: string | null | undefined;
  readonly onProgress: (progress: UploadProgress) => void;
}

export interface UploadProgress {
  /** Of the disk, whether sent or left out. */
  readonly bytes: number;
  readonly sentBlocks: number;
  readonly throttles: number;
}

export interface Uploaded {
  readonly snapshot: string;
  /** Of every block that is not zero. */
  readonly digests: ReadonlyMap<number, string>;
  /** Sent by this run. */
  readonly sentBlocks: number;
}

/** Goes on where a killed run was, or starts; gives a completed snapshot. */
export async function uploadSnapshot(at: Region, options: UploadOptions): Promise<Uploaded> {
  const failed = options.found.filter(({ state }) => state === 'error').length;
  const done = options.found.find(({ state }) => state === 'completed');
  if (done !== undefined) return await sendBlocks(at, options, { id: done.id, journal: undefined });
  for (let start = failed; ; start += 1) {
    const { id, journal } = await beginSnapshot(at, options, start);
    try {
      return await sendBlocks(at, options, { id, journal });
    } catch (error) {
      // The service has given the snapshot up, or somebody has removed it: only a new one helps.
      const [now] = await describeSnapshots(at, [id]);
      if (start - failed >= MOST_STARTS || (now !== undefined && now.state !== 'error')) throw error;
      if (serviceError(error) === '') throw error;
    } finally {
      journal.close();
    }
  }
}

async function beginSnapshot(
  at: Region,
  options: UploadOptions,
  start: number,
): Promise<{ id: string; journal: SnapshotJournal }> {
  const { spec, journalPath, parent, kmsKey, found } = options;
  const known = SnapshotJournal.read(journalPath);
  const pending = found.filter(({ state }) => state === 'pending');
  const resumed = pending.find(({ id }) => id === known?.header.snapshot);
  if (known !== undefined && resumed !== undefined && known.header.content === spec.disk.sha256)
    return { id: resumed.id, journal: known };
  const id =
    pending[0]?.id ??
    (
      await at.call('ebs:StartSnapshot', (o) =>
        at.ebs.startSnapshot(
          {
            VolumeSize: Math.ceil(spec.disk.bytes / GIB),
            Description: spec.description,
            Tags: writeTags({ ...spec.tags, ...(parent !== undefined && { [TAGS.parent]: parent.snapshot }) }),
            Timeout: TIMEOUT_MINUTES,
            ClientToken: clientToken([
              'snapshot',
              at.name,
              spec.disk.sha256,
              spec.tags,
              parent?.snapshot,
              kmsKey,
              start,
            ]),
            ...(parent === undefined ? encryption(kmsKey) : { ParentSnapshotId: parent.snapshot }),
          },
          o,
        ),
      )
    ).SnapshotId ??
    '';
  const header = { snapshot: id, content: spec.disk.sha256, parent: parent?.snapshot, whole: false };
  return { id, journal: SnapshotJournal.write(journalPath, header) };
}

/** With a parent the API takes its encryption over and wants to hear nothing of it. */
function encryption(kmsKey: string | null | undefined): { Encrypted?: boolean; KmsKeyArn?: string } {
  if (kmsKey === undefined) return {};
  return kmsKey === null ? { Encrypted: true } : { Encrypted: true, KmsKeyArn: kmsKey };
}

/** At most 64 characters of ASCII; equal requests of whoever sends them make one thing. */
export function clientToken(facts: unknown): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}

interface Target {
  readonly id: string;
  /** Absent for one that is complete: then the pass only tells which blocks it must hold. */
  readonly journal: SnapshotJournal | undefined;
}

async function sendBlocks(at: Region, options: UploadOptions, { id, journal }: Target): Promise<Uploaded> {
  const pass = new Pass(at, options, { id, journal });
  await pass.run(options.spec.disk);
  if (journal !== undefined) {
    await at
      .call('ebs:CompleteSnapshot', (o) =>
        at.ebs.completeSnapshot(
          {
            SnapshotId: id,
            ChangedBlocksCount: pass.written.size,
            Checksum: linearChecksum(pass.written),
            ChecksumAlgorithm: 'SHA256',
            ChecksumAggregationMethod: 'LINEAR',
          },
          o,
        ),
      )
      .catch(async (error: unknown) => {
        // Another try, or another publisher, has completed it before.
        const [now] = await describeSnapshots(at, [id]);
        if (now?.state !== 'completed') throw error;
      });
  }
  await awaitSnapshot(at, id);
  const { spec, parent, journalPath } = options;
  journal?.close();
  const header = { snapshot: id, content: spec.disk.sha256, parent: parent?.snapshot, whole: true };
  SnapshotJournal.write(journalPath, header, pass.content);
  return { snapshot: id, digests: pass.content, sentBlocks: pass.sent };
}

/** One pass over the disk. */
class Pass {
  /** Blocks written to the snapshot, by this run or one before. */
  readonly written = new Map<number, string>();
  /** Blocks of the disk that are not zero. */
  readonly content = new Map<number, string>();
  sent = 0;
  readonly #at: Region;
  readonly #options: UploadOptions;
  readonly #target: Target;
  readonly #acknowledged: ReadonlyMap<number, string>;
  readonly #underWay = new Set<Promise<void>>();
  readonly #startedMs = performance.now();
  /** Of blocks that have arrived. */
  readonly #buffers: Buffer[] = [];
  #wake: () => void = () => {};
  #failure: Error | undefined;
  #bytes = 0;

  constructor(at: Region, options: UploadOptions, target: Target) {
    this.#at = at;
    this.#options = options;
    this.#target = target;
    this.#acknowledged = new Map(target.journal?.digests);
  }

  async run(disk: DiskImage): Promise<void> {
    try {
      for await (const block of readBlocks(disk, this.#buffers)) {
        await this.#take(block);
        if (this.#failure !== undefined) break;
      }
    } finally {
      await Promise.all(this.#underWay);
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.#report(0);
  }

  /** Sends a block, or knows why not. Returns once there is room for another. */
  async #take({ index, bytes, zero }: Block): Promise<void> {
    const { parent } = this.#options;
    const before = parent?.digests.get(index);
    // Zeros are what a snapshot has where nobody writes; over a block of the parent they must be written.
    if (zero && before === undefined) return this.#report(BLOCK_BYTES);
    const digest = blockDigest(bytes);
    if (!zero) this.content.set(index, digest);
    const { journal } = this.#target;
    if (journal === undefined || digest === before) return this.#report(BLOCK_BYTES);
    this.written.set(index, digest);
    if (this.#acknowledged.get(index) === digest) return this.#report(BLOCK_BYTES);
    const sending = this.#send(journal, { index, bytes, digest });
    this.#underWay.add(sending);
    void sending.finally(() => {
      this.#underWay.delete(sending);
      this.#wake();
    });
    // One in each lane, and a few that wait for theirs, or before they are tried again.
    while (this.#underWay.size >= this.#at.lanes.ebs.limit + WAITING) await this.#oneLess();
  }

  /** Promise.race() would add a listener to each that is under way, for every block. */
  async #oneLess(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  async #send(journal: SnapshotJournal, block: { index: number; bytes: Buffer; digest: string }): Promise<void> {
    try {
      await this.#at.call(
        'ebs:PutSnapshotBlock',
        (o) => this.#put(block, o),
        (error) => this.#judge(error),
      );
      journal.add(block.index, block.digest);
      this.#buffers.push(block.bytes);
      this.sent += 1;
      this.#report(BLOCK_BYTES);
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new TypeError('expected an error', { cause: error });
    }
  }

  async #put(
    { index, bytes, digest }: { index: number; bytes: Buffer; digest: string },
    handler: { abortSignal: AbortSignal },
  ): Promise<void> {
    // One that fails for good ends the pass: the others need not be sent.
    if (this.#failure !== undefined) throw this.#failure;
    const block = { BlockIndex: index, BlockData: bytes, DataLength: BLOCK_BYTES };
    await this.#at.ebs.putSnapshotBlock(
      { SnapshotId: this.#target.id, ...block, Checksum: digest, ChecksumAlgorithm: 'SHA256' },
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
      bytes: Math.min(this.#bytes, this.#options.spec.disk.bytes),
      sentBlocks: this.sent,
      throttles,
    });
  }
}
