import type { StepVoice } from '../publish/steps.ts';
import type { Ami, Amis } from './amis-file.ts';
import { BLOCK_BYTES, blockDigest, readBlocks } from './blocks.ts';
import { difference } from './finding.ts';
import type { Finding } from './finding.ts';
import type { DiskImage, ImageSpec } from './image-spec.ts';
import { TAGS } from './image-spec.ts';
import { describeImages } from './images.ts';
import { withPermissions } from './observe.ts';
import type { ObservedImage } from './observe.ts';
import { isPublic, lacking, onSnapshots, permissionText, sortPermissions } from './permissions.ts';
import { readBack } from './read-back.ts';
import type { Region } from './region.ts';
import type { Upkeep } from './sharing-plan.ts';

/** Holds each AMI of amis.json against what is in its region. An unreachable region is a finding, too. */
export async function validateAmis({ regions }: Upkeep, amis: Amis): Promise<readonly Finding[]> {
  return await Promise.all(
    Object.entries(amis).map(async ([region, ami]): Promise<Finding> => {
      const facts = { region, name: ami.name };
      try {
        const at = await regions.at(region);
        const [found] = await describeImages(at, [ami.id]);
        const image = await withPermissions(at, found);
        if (image === undefined) return { ...facts, status: 'missing', differences: [`id: expected ${ami.id}`] };
        const differences = compare(ami, image);
        return { ...facts, status: differences.length === 0 ? 'correct' : 'incorrect', differences };
      } catch (error) {
        return {
          ...facts,
          status: 'unreachable',
          differences: [error instanceof Error ? error.message : String(error)],
        };
      }
    }),
  );
}

function compare(ami: Ami, image: ObservedImage): readonly string[] {
  const wanted = sortPermissions(ami.launch_permissions ?? []).map(permissionText);
  const unreadable = [...image.snapshotPermissions].flatMap(([id, permissions]) =>
    lacking(onSnapshots(ami.launch_permissions ?? []), permissions).map(
      (one) => `snapshot ${id}: expected it shared with ${permissionText(one)}`,
    ),
  );
  return [
    ...difference('state', 'available', image.state),
    ...difference('name', ami.name, image.name),
    ...difference('public', ami.public, isPublic(image.permissions)),
    ...difference('launch permissions', wanted, image.permissions.map(permissionText)),
    ...difference('ENA support', true, image.ena),
    ...difference('SR-IOV support', 'simple', image.sriov),
    ...(ami.content === undefined ? [] : difference('content', ami.content, image.tags[TAGS.content])),
    ...unreadable,
  ];
}

/** Reads the snapshots of an AMI block by block and compares them with the disks it was made from. */
export async function validateBlocks(
  at: Region,
  { spec, ami }: { spec: ImageSpec; ami: Ami },
  voice: StepVoice,
): Promise<void> {
  const [image] = await describeImages(at, [ami.id]);
  for (const [index, disk] of spec.disks.entries()) {
    const snapshot = image?.snapshots[index] ?? '';
    await readBack(at, {
      snapshot,
      digests: await digestsOf(disk),
      depth: 'all',
      onProgress: (done, total) =>
        voice.progress({
          done: done * BLOCK_BYTES,
          total: total * BLOCK_BYTES,
          unit: 'bytes',
          note: `${disk.disk} disk`,
        }),
    });
  }
}

async function digestsOf(disk: DiskImage): Promise<ReadonlyMap<number, string>> {
  const digests = new Map<number, string>();
  for await (const { index, bytes, zero } of readBlocks(disk)) if (!zero) digests.set(index, await blockDigest(bytes));
  return digests;
}
