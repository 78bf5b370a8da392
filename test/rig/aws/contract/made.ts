/** What facts of the contract are asked about, made the way a server can. */
import { blockDigest, linearChecksum } from '../../../../tools/aws/blocks.ts';
import { serviceError } from '../../../../tools/aws/caller.ts';
import { describeImages } from '../../../../tools/aws/images.ts';
import type { Region } from '../../../../tools/aws/region.ts';
import { blockOf } from '../disk-fixture.ts';
import { BLOCK_BYTES } from '../world.ts';

/** True where it holds, asked of two regions of one server. */
export type Fact = (at: Region, other: Region) => Promise<boolean>;

let made = 0;

export async function snapshotOf(at: Region, seed: string, token = `token-${(made += 1)}`): Promise<string> {
  const { SnapshotId = '' } = await at.call('ebs:StartSnapshot', (o) =>
    at.ebs.startSnapshot({ VolumeSize: 1, ClientToken: token, Tags: [{ Key: 'seed', Value: seed }] }, o),
  );
  const data = blockOf(seed);
  const block = {
    BlockIndex: 3,
    BlockData: data,
    DataLength: BLOCK_BYTES,
    Checksum: await blockDigest(data),
    ChecksumAlgorithm: 'SHA256' as const,
  };
  await at.call('ebs:PutSnapshotBlock', (o) => at.ebs.putSnapshotBlock({ SnapshotId, ...block }, o));
  return SnapshotId;
}

export async function complete(
  at: Region,
  SnapshotId: string,
  { seed, count = 1 }: { seed: string; count?: number },
): Promise<void> {
  const Checksum = linearChecksum(new Map([[3, await blockDigest(blockOf(seed))]]));
  const how = { Checksum, ChecksumAlgorithm: 'SHA256', ChecksumAggregationMethod: 'LINEAR' } as const;
  await at.call('ebs:CompleteSnapshot', (o) =>
    at.ebs.completeSnapshot({ SnapshotId, ChangedBlocksCount: count, ...how }, o),
  );
  for (let tries = 0; tries < 5; tries += 1) {
    const { Snapshots = [] } = await at.call('ec2:DescribeSnapshots', (o) =>
      at.ec2.describeSnapshots({ SnapshotIds: [SnapshotId] }, o),
    );
    if (Snapshots[0]?.State === 'completed') return;
  }
}

/** Of a snapshot made the way this server can. */
export async function imageOf(
  at: Region,
  name = `image-${(made += 1)}`,
): Promise<{ image: string; snapshot: string; name: string }> {
  const snapshot = await anySnapshot(at);
  const BlockDeviceMappings = [
    { DeviceName: '/dev/xvda', Ebs: { SnapshotId: snapshot, VolumeSize: 2, VolumeType: 'gp3' as const } },
  ];
  const facts = {
    BootMode: 'uefi' as const,
    TpmSupport: 'v2.0' as const,
    ImdsSupport: 'v2.0' as const,
    EnaSupport: true,
  };
  const TagSpecifications = [{ ResourceType: 'image' as const, Tags: [{ Key: 'a', Value: 'b' }] }];
  const request = {
    Name: name,
    Architecture: 'arm64' as const,
    RootDeviceName: '/dev/xvda',
    BlockDeviceMappings,
    TagSpecifications,
    VirtualizationType: 'hvm',
    ...facts,
  };
  const { ImageId: image = '' } = await at.call('ec2:RegisterImage', (o) => at.ec2.registerImage(request, o));
  await describeImages(at, [image]);
  await describeImages(at, [image]);
  return { image, snapshot, name };
}

export async function anySnapshot(at: Region): Promise<string> {
  try {
    const snapshot = await snapshotOf(at, 'image');
    await complete(at, snapshot, { seed: 'image' });
    return snapshot;
  } catch {
    // No EBS direct APIs there: of a volume, then.
    const { VolumeId } = await at.ec2.createVolume({ AvailabilityZone: `${at.name}a`, Size: 1 });
    return (await at.ec2.createSnapshot({ VolumeId })).SnapshotId ?? '';
  }
}

export async function refused(work: Promise<unknown>, code?: string): Promise<boolean> {
  try {
    await work;
    return false;
  } catch (error) {
    return code === undefined ? serviceError(error) !== '' : serviceError(error) === code;
  }
}
