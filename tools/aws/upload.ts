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

/** A snapshot that nobody completes is given up by the service after this long. */
const TIMEOUT_MINUTES = 24 * 60;
const MOST_STARTS = 3;
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

interface Target {
  readonly id: string;
  /** Absent for one that is complete: then the pass only tells which blocks it must hold. */
  readonly journal: SnapshotJournal | undefined;
}

async function sendBlocks(at: Region, options: UploadOptions, { id, journal }: Target): Promise<Uploaded> {
  const { spec, parent, journalPath, onProgress } = options;
  const pass = new BlockPass(at, { disk: spec.disk, parent, snapshot: id, journal, onProgress });
  await pass.run();
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
  journal?.close();
  const header = { snapshot: id, content: spec.disk.sha256, parent: parent?.snapshot, whole: true };
  SnapshotJournal.write(journalPath, header, pass.content);
  return { snapshot: id, digests: pass.content, sentBlocks: pass.sent };
}
