/** How things stand in the cloud, before anything is planned. */
import type { DiskImage } from './image-spec.ts';
import { snapshotTags, TAGS } from './image-spec.ts';
import { assertSameContent, findImage } from './images.ts';
import type { FoundImage } from './images.ts';
import { readImagePermissions, readSnapshotPermissions } from './permissions.ts';
import type { Permission } from './permissions.ts';
import { preflight } from './preflight.ts';
import { allOf, baseRegion, inEachRegion } from './publication.ts';
import type { Publication } from './publication.ts';
import type { Region } from './region.ts';
import { findSnapshots } from './snapshots.ts';
import type { FoundSnapshot } from './snapshots.ts';
import type { Parent } from './block-pass.ts';
import { findKey } from './keys.ts';
import { findParent, isEncrypted } from './parent.ts';

export interface ObservedImage extends FoundImage {
  readonly permissions: readonly Permission[];
  readonly snapshotPermissions: ReadonlyMap<string, readonly Permission[]>;
}

export interface ObservedRegion {
  readonly region: string;
  readonly account: string;
  readonly image: ObservedImage | undefined;
}

export interface Observed {
  /** In the order of the publication; the first is the base. */
  readonly regions: readonly ObservedRegion[];
  readonly snapshots: ReadonlyMap<DiskImage['disk'], readonly FoundSnapshot[]>;
  readonly parents: ReadonlyMap<DiskImage['disk'], Parent>;
}

/** @throws BuildErrors all that is in the way of this publication */
export async function observe(publication: Publication): Promise<Observed> {
  const accounts = await preflight(publication);
  const { spec } = publication;
  const regions = await inEachRegion(publication, async (at) => {
    const image = await findImage(at, spec);
    if (image !== undefined) assertSameContent(at, spec, image);
    return { region: at.name, account: accounts.get(at.name) ?? '', image: await withPermissions(at, image) };
  });
  const base = await publication.regions.at(baseRegion(publication));
  const registered = regions[0]?.image !== undefined;
  const kmsKey = await findKey(base, publication.config);
  const snapshots = new Map<DiskImage['disk'], readonly FoundSnapshot[]>();
  const parents = new Map<DiskImage['disk'], Parent>();
  for (const disk of registered ? [] : spec.disks) {
    const found = (await findSnapshots(base, ownTags(publication, disk))).filter(
      (one) => kmsKey === undefined || isEncrypted(one, kmsKey),
    );
    const begun = found.find(({ state }) => state === 'pending');
    const complete = found.some(({ state }) => state === 'completed');
    const parent = complete ? undefined : await findParent(base, publication, { disk, begun });
    if (parent !== undefined) parents.set(disk.disk, parent);
    // One that was begun on top of a snapshot we no longer know cannot be gone on with.
    const lost = begun?.tags[TAGS.parent] !== undefined && parent === undefined;
    snapshots.set(
      disk.disk,
      found.map((one) => (lost && one === begun ? { ...one, state: 'error' } : one)),
    );
  }
  return { regions, snapshots, parents };
}

export async function withPermissions(at: Region, image: FoundImage | undefined): Promise<ObservedImage | undefined> {
  if (image === undefined) return undefined;
  const permissions = await readImagePermissions(at, image.id);
  const snapshotPermissions = new Map(
    await allOf(image.snapshots.map(async (id) => [id, await readSnapshotPermissions(at, id)] as const)),
  );
  return { ...image, permissions, snapshotPermissions };
}

function ownTags({ spec }: Publication, disk: DiskImage): Record<string, string> {
  const {
    [TAGS.os]: os = '',
    [TAGS.content]: content = '',
    [TAGS.disk]: key = '',
    [TAGS.version]: version = '',
  } = snapshotTags(spec, disk);
  return { [TAGS.os]: os, [TAGS.content]: content, [TAGS.disk]: key, [TAGS.version]: version };
}
