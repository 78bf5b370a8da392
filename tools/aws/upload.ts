/** A disk becomes a snapshot through the EBS direct APIs: started or gone on with, filled by one pass, completed. */
import { BlockPass } from './block-pass.ts';
import type { Parent, UploadProgress } from './block-pass.ts';
import { linearChecksum } from './blocks.ts';
import { serviceError } from './caller.ts';
import { clientToken } from './client-token.ts';
import { TAGS } from './image-spec.ts';
import type { SnapshotSpec } from './image-spec.ts';
import type { Region } from './region.ts';
import { SnapshotJournal } from './snapshot-journal.ts';
import { awaitSnapshot, describeSnapshots, writeTags } from './snapshots.ts';
import type { FoundSnapshot } from './snapshots.ts';
import { until } from './wait.ts';

/** A snapshot that nobody completes is given up by the service after this long. */
const TIMEOUT_MINUTES = 24 * 60;
const MOST_STARTS = 3;
/** How long a snapshot that cannot be completed may yet turn out to be complete. */
const DOUBT_MS = 120_000;
const GIB = 1024 ** 3;

export interface UploadOptions {
  readonly spec: SnapshotSpec;
  readonly journalPath: string;
  /** Own snapshots of this very content that are there already. */
  readonly found: readonly FoundSnapshot[];
  readonly parent: Parent | undefined;
  /** ARN of a key of KMS; `null` for the account's own. */
  readonly kmsKey: string | null | undefined;
  readonly onProgress: (progress: UploadProgress) => void;
}

export interface Uploaded {
  readonly snapshot: string;
  /** Of every block that the snapshot must hold. */
  readonly digests: ReadonlyMap<number, string>;
  /** Sent by this run. */
  readonly sentBlocks: number;
}

/** Goes on where a killed run was, or starts; gives a completed snapshot. */
export async function uploadSnapshot(at: Region, options: UploadOptions): Promise<Uploaded> {
  const failed = options.found.filter(({ state }) => state === 'error').length;
  const done = options.found.find(({ state }) => state === 'completed');
  if (done !== undefined) return await sendBlocks(at, options, { id: done.id, journal: undefined, resumed: true });
  for (let start = failed; ; start += 1) {
    const { id, journal } = await beginSnapshot(at, options, start);
    const resumed = options.found.some((one) => one.id === id);
    try {
      return await sendBlocks(at, options, { id, journal, resumed });
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

/** As nobody here asked for it: accounts may encrypt whatever is made in them. */
async function isEncrypted(at: Region, id: string): Promise<boolean> {
  return await until(at, { what: `snapshot ${id} to be known`, mostMs: DOUBT_MS }, async () => {
    const [found] = await describeSnapshots(at, [id]);
    return found?.encrypted;
  });
}

interface Target {
  readonly id: string;
  /** It was there before this run. */
  readonly resumed: boolean;
  /** Absent for one that is complete: then the pass only tells which blocks it must hold. */
  readonly journal: SnapshotJournal | undefined;
}

async function completeSnapshot(
  at: Region,
  { id, written, resumed }: { id: string; written: ReadonlyMap<number, string>; resumed: boolean },
): Promise<void> {
  const blocks = {
    SnapshotId: id,
    ChangedBlocksCount: written.size,
    Checksum: linearChecksum(written),
    ChecksumAlgorithm: 'SHA256',
    ChecksumAggregationMethod: 'LINEAR',
  } as const;
  let tries = 0;
  const complete = async (handler: { abortSignal: AbortSignal }): Promise<void> => {
    tries += 1;
    await at.ebs.completeSnapshot(blocks, handler);
  };
  try {
    await at.call('ebs:CompleteSnapshot', complete);
  } catch (error) {
    // A try whose answer was lost, of this run or one before, or another publisher's, may have done it: it is refused then, and the
    // state stays "pending" for a while.
    if (serviceError(error) === '' || (tries === 1 && !resumed)) throw error;
    await awaitSnapshot(at, id, DOUBT_MS).catch(() => Promise.reject(error));
  }
}

async function sendBlocks(at: Region, options: UploadOptions, { id, journal, resumed }: Target): Promise<Uploaded> {
  const { spec, parent, journalPath, onProgress } = options;
  const zeros = options.kmsKey !== undefined || (await isEncrypted(at, id)) ? 'sent' : 'left out';
  const pass = new BlockPass(at, { disk: spec.disk, parent, snapshot: id, journal, zeros, onProgress });
  await pass.run();
  if (journal !== undefined) await completeSnapshot(at, { id, written: pass.written, resumed });
  await awaitSnapshot(at, id);
  journal?.close();
  const header = { snapshot: id, content: spec.disk.sha256, parent: parent?.snapshot, whole: true };
  SnapshotJournal.write(journalPath, header, pass.content);
  return { snapshot: id, digests: pass.content, sentBlocks: pass.sent };
}
