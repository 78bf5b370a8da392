import type { DiskImage } from './image-spec.ts';
import { TAGS } from './image-spec.ts';
import { findKey } from './keys.ts';
import { snapshotJournalPath } from './publication.ts';
import type { Publication } from './publication.ts';
import type { Region } from './region.ts';
import { SnapshotJournal } from './snapshot-journal.ts';
import { findSnapshots } from './snapshots.ts';
import type { FoundSnapshot } from './snapshots.ts';
import type { Parent } from './block-pass.ts';

const GIB = 1024 ** 3;

/**
 * The last release of the same disk, whose blocks need not be sent again: of a snapshot that is half uploaded the one it was begun
 * with, else the newest finished one whose blocks this checkout still knows (what the API tells of a snapshot has no digests in it).
 */
export async function findParent(
  at: Region,
  publication: Publication,
  { disk, begun }: { disk: DiskImage; begun: FoundSnapshot | undefined },
): Promise<Parent | undefined> {
  if (begun !== undefined && begun.tags[TAGS.parent] === undefined) return undefined;
  const { osName, variant, arch } = publication.spec;
  const tags = { [TAGS.os]: osName, [TAGS.variant]: variant, [TAGS.arch]: arch, [TAGS.disk]: disk.disk };
  const others = (await findSnapshots(at, tags)).filter(({ id }) => id !== begun?.id);
  const candidates = others.filter(({ id }) => begun === undefined || id === begun.tags[TAGS.parent]).toReversed();
  const kmsKey = await findKey(at, publication.config);
  for (const snapshot of candidates.filter((one) => isEncrypted(one, kmsKey))) {
    const parent = asParent(publication, at, { snapshot, disk });
    if (parent !== undefined) return parent;
  }
  return undefined;
}

/** As Infra.yaml says now? A snapshot takes the encryption of its parent over, key and all. */
export function isEncrypted({ encrypted, kmsKey: found }: FoundSnapshot, kmsKey: string | null | undefined): boolean {
  return encrypted === (kmsKey !== undefined) && (typeof kmsKey !== 'string' || found === kmsKey);
}

function asParent(
  publication: Publication,
  at: Region,
  { snapshot, disk }: { snapshot: FoundSnapshot; disk: DiskImage },
): Parent | undefined {
  const { id, state, sizeGiB = Infinity, tags } = snapshot;
  if (state !== 'completed' || sizeGiB > Math.ceil(disk.bytes / GIB)) return undefined;
  const journal = SnapshotJournal.read(snapshotJournalPath(publication, at.name, tags[TAGS.content] ?? ''));
  return journal?.header.snapshot === id && journal.header.whole
    ? { snapshot: id, digests: journal.digests }
    : undefined;
}
