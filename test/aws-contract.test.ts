/**
 * What the rig's own endpoint does is what AWS documents; other people's servers, asked the same questions over HTTP, tell where it could
 * be wrong. Where they answer otherwise is listed in the golden file, which is read in review.
 */
import { createHash } from 'node:crypto';

import { expect, test, vi } from 'vitest';

import { blockDigest, linearChecksum } from '../tools/aws/blocks.ts';
import { serviceError } from '../tools/aws/caller.ts';
import { describeImages } from '../tools/aws/images.ts';
import {
  changeImage,
  changeSnapshot,
  readImagePermissions,
  readSnapshotPermissions,
} from '../tools/aws/permissions.ts';
import { Regions } from '../tools/aws/region.ts';
import type { Region } from '../tools/aws/region.ts';
import { listParameters } from '../tools/aws/parameters.ts';
import { formatTable } from '../tools/report/format.ts';
import { blockOf } from './rig/aws/disk-fixture.ts';
import { AwsEndpoint, credentials } from './rig/aws/endpoint.ts';
import { Peers } from './rig/peers.ts';

vi.setConfig({ testTimeout: 600_000 });

const BLOCK_BYTES = 512 * 1024;
let made = 0;

/** True where it holds. */
type Fact = (at: Region, other: Region) => Promise<boolean>;

async function snapshotOf(at: Region, seed: string, token = `token-${(made += 1)}`): Promise<string> {
  const { SnapshotId = '' } = await at.call('ebs:StartSnapshot', (o) =>
    at.ebs.startSnapshot({ VolumeSize: 1, ClientToken: token, Tags: [{ Key: 'seed', Value: seed }] }, o),
  );
  const data = blockOf(seed);
  const block = {
    BlockIndex: 3,
    BlockData: data,
    DataLength: BLOCK_BYTES,
    Checksum: blockDigest(data),
    ChecksumAlgorithm: 'SHA256' as const,
  };
  await at.call('ebs:PutSnapshotBlock', (o) => at.ebs.putSnapshotBlock({ SnapshotId, ...block }, o));
  return SnapshotId;
}

async function complete(
  at: Region,
  SnapshotId: string,
  { seed, count = 1 }: { seed: string; count?: number },
): Promise<void> {
  const Checksum = linearChecksum(new Map([[3, blockDigest(blockOf(seed))]]));
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
async function imageOf(
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

async function anySnapshot(at: Region): Promise<string> {
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

async function refused(work: Promise<unknown>, code?: string): Promise<boolean> {
  try {
    await work;
    return false;
  } catch (error) {
    return code === undefined ? serviceError(error) !== '' : serviceError(error) === code;
  }
}

const FACTS: Readonly<Record<string, Fact>> = {
  'a completed snapshot reads back as it was written': async (at) => {
    const SnapshotId = await snapshotOf(at, 'whole');
    await complete(at, SnapshotId, { seed: 'whole' });
    const { Blocks = [] } = await at.call('ebs:ListSnapshotBlocks', (o) =>
      at.ebs.listSnapshotBlocks({ SnapshotId }, o),
    );
    const [block] = Blocks;
    if (Blocks.length !== 1 || block?.BlockIndex !== 3 || block.BlockToken === undefined) return false;
    const { BlockIndex, BlockToken } = block;
    return await at.call('ebs:GetSnapshotBlock', async (o) => {
      const answer = await at.ebs.getSnapshotBlock({ SnapshotId, BlockIndex, BlockToken }, o);
      const bytes = await answer.BlockData?.transformToByteArray();
      return (
        bytes !== undefined && createHash('sha256').update(bytes).digest('base64') === blockDigest(blockOf('whole'))
      );
    });
  },
  'blocks are of 512 KiB': async (at) => (await at.ebs.startSnapshot({ VolumeSize: 1 })).BlockSize === BLOCK_BYTES,
  'a block with another check sum is refused': async (at) => {
    const { SnapshotId = '' } = await at.call('ebs:StartSnapshot', (o) => at.ebs.startSnapshot({ VolumeSize: 1 }, o));
    const block = {
      BlockIndex: 0,
      BlockData: blockOf('x'),
      DataLength: BLOCK_BYTES,
      Checksum: blockDigest(blockOf('y')),
      ChecksumAlgorithm: 'SHA256' as const,
    };
    return await refused(at.call('ebs:PutSnapshotBlock', (o) => at.ebs.putSnapshotBlock({ SnapshotId, ...block }, o)));
  },
  'completing with another count is refused': async (at) => {
    const snapshot = await snapshotOf(at, 'count');
    return await refused(complete(at, snapshot, { seed: 'count', count: 2 }));
  },
  'completing with another check sum is refused': async (at) => {
    const snapshot = await snapshotOf(at, 'sum');
    return await refused(complete(at, snapshot, { seed: 'other' }));
  },
  'a pending snapshot cannot be read': async (at) => {
    const SnapshotId = await snapshotOf(at, 'pending');
    return await refused(at.call('ebs:ListSnapshotBlocks', (o) => at.ebs.listSnapshotBlocks({ SnapshotId }, o)));
  },
  'a client token makes one snapshot, however often it is used': async (at) => {
    const [a, b] = [await snapshotOf(at, 'token', 'same'), await snapshotOf(at, 'token', 'same')];
    return a === b;
  },
  'a client token for something else is refused': async (at) => {
    await snapshotOf(at, 'one', 'conflict');
    return await refused(snapshotOf(at, 'two', 'conflict'), 'ConflictException');
  },
  'snapshots are found by tag': async (at) => {
    const SnapshotId = await snapshotOf(at, 'tagged');
    const { Snapshots = [] } = await at.call('ec2:DescribeSnapshots', (o) =>
      at.ec2.describeSnapshots({ OwnerIds: ['self'], Filters: [{ Name: 'tag:seed', Values: ['tagged'] }] }, o),
    );
    return Snapshots.some((one) => one.SnapshotId === SnapshotId);
  },
  'an image keeps its devices': async (at) => {
    const { image, snapshot } = await imageOf(at);
    const { Images = [] } = await at.call('ec2:DescribeImages', (o) => at.ec2.describeImages({ ImageIds: [image] }, o));
    const [device] = Images[0]?.BlockDeviceMappings ?? [];
    return device?.Ebs?.SnapshotId === snapshot && device.Ebs.VolumeType === 'gp3' && device.Ebs.VolumeSize === 2;
  },
  'an image keeps its architecture and tags': async (at) => {
    const { image } = await imageOf(at);
    const { Images = [] } = await at.call('ec2:DescribeImages', (o) => at.ec2.describeImages({ ImageIds: [image] }, o));
    return Images[0]?.Architecture === 'arm64' && Images[0].Tags?.[0]?.Value === 'b';
  },
  'an image keeps its boot mode, TPM and IMDS': async (at) => {
    const { image } = await imageOf(at);
    const { Images = [] } = await at.call('ec2:DescribeImages', (o) => at.ec2.describeImages({ ImageIds: [image] }, o));
    const [found] = Images;
    return found?.BootMode === 'uefi' && found.TpmSupport === 'v2.0' && found.ImdsSupport === 'v2.0';
  },
  'a name is given once': async (at) => {
    const { name } = await imageOf(at);
    return await refused(imageOf(at, name), 'InvalidAMIName.Duplicate');
  },
  'a copy is an image of its own': async (at, other) => {
    const { image, snapshot } = await imageOf(at);
    const request = { Name: 'copied', SourceImageId: image, SourceRegion: at.name, ClientToken: 'copy' };
    const { ImageId = '' } = await other.call('ec2:CopyImage', (o) => other.ec2.copyImage(request, o));
    const [copy] = await describeImages(other, [ImageId]);
    return (
      copy?.name === 'copied' && ImageId !== image && copy.snapshots.length === 1 && copy.snapshots[0] !== snapshot
    );
  },
  'a token makes one copy, however often it is used': async (at, other) => {
    const { image } = await imageOf(at);
    const request = { Name: 'twice', SourceImageId: image, SourceRegion: at.name, ClientToken: 'copy-twice' };
    const [a, b] = [await other.ec2.copyImage(request), await other.ec2.copyImage(request)];
    return a.ImageId === b.ImageId;
  },
  'launch permissions are added and removed': async (at) => {
    const { image } = await imageOf(at);
    const permissions = [{ userid: '444444444444' }];
    await changeImage(at, image, { direction: 'grant', permissions });
    const [granted] = await readImagePermissions(at, image);
    await changeImage(at, image, { direction: 'revoke', permissions });
    return (
      JSON.stringify([granted]) === JSON.stringify(permissions) && (await readImagePermissions(at, image)).length === 0
    );
  },
  'snapshot permissions are added and removed': async (at) => {
    const snapshot = await anySnapshot(at);
    const permissions = [{ userid: '444444444444' }];
    await changeSnapshot(at, snapshot, { direction: 'grant', permissions });
    const [granted] = await readSnapshotPermissions(at, snapshot);
    await changeSnapshot(at, snapshot, { direction: 'revoke', permissions });
    return (
      JSON.stringify([granted]) === JSON.stringify(permissions) &&
      (await readSnapshotPermissions(at, snapshot)).length === 0
    );
  },
  'a snapshot in use is not deleted': async (at) => {
    const { snapshot } = await imageOf(at);
    return await refused(
      at.call('ec2:DeleteSnapshot', (o) => at.ec2.deleteSnapshot({ SnapshotId: snapshot }, o)),
      'InvalidSnapshot.InUse',
    );
  },
  'a deprecation is kept': async (at) => {
    const { image } = await imageOf(at);
    await at.call('ec2:EnableImageDeprecation', (o) =>
      at.ec2.enableImageDeprecation({ ImageId: image, DeprecateAt: new Date('2099-01-01T00:00:00Z') }, o),
    );
    const [found] = await describeImages(at, [image]);
    return found?.deprecatedAt?.startsWith('2099-01-01') === true;
  },
  'parameters are read ten at a time, no more': async (at) => {
    const Names = Array.from({ length: 11 }, (_, index) => `/p/${index}`);
    return await refused(
      at.call('ssm:GetParameters', (o) => at.ssm.getParameters({ Names }, o)),
      'ValidationException',
    );
  },
  'unknown parameters are told apart': async (at) => {
    await at.call('ssm:PutParameter', (o) => at.ssm.putParameter({ Name: '/known', Value: '1', Type: 'String' }, o));
    const { Parameters = [], InvalidParameters = [] } = await at.call('ssm:GetParameters', (o) =>
      at.ssm.getParameters({ Names: ['/known', '/unknown'] }, o),
    );
    return Parameters[0]?.Value === '1' && InvalidParameters[0] === '/unknown';
  },
  'a parameter is not overwritten unasked': async (at) => {
    const parameter = { Name: '/twice', Value: '1', Type: 'String' as const };
    await at.call('ssm:PutParameter', (o) => at.ssm.putParameter(parameter, o));
    return await refused(
      at.call('ssm:PutParameter', (o) => at.ssm.putParameter(parameter, o)),
      'ParameterAlreadyExists',
    );
  },
  'all parameters below a path are listed, page by page': async (at) => {
    for (let index = 0; index < 12; index += 1)
      await at.call('ssm:PutParameter', (o) =>
        at.ssm.putParameter({ Name: `/below/${index}/x`, Value: '1', Type: 'String' }, o),
      );
    return (await listParameters(at, '/below')).size === 12;
  },
  'each region has parameters of its own': async (at, other) => {
    await at.call('ssm:PutParameter', (o) => at.ssm.putParameter({ Name: '/here', Value: '1', Type: 'String' }, o));
    const { InvalidParameters = [] } = await other.call('ssm:GetParameters', (o) =>
      other.ssm.getParameters({ Names: ['/here'] }, o),
    );
    return InvalidParameters.length === 1;
  },
};

/** Every fact, asked of the server at `url`. */
async function examine(url: string): Promise<Map<string, string>> {
  const before = { ...process.env };
  Object.assign(process.env, credentials(), { AWS_ENDPOINT_URL: url });
  try {
    const identity = {
      baseRegion: 'eu-north-1',
      profile: undefined,
      role: undefined,
      regionRoles: new Map<string, string>(),
    };
    const regions = new Regions({
      identity,
      signal: new AbortController().signal,
      patience: { attemptMs: 30_000, totalMs: 1 },
    });
    const [at, other] = [await regions.at('eu-north-1'), await regions.at('eu-west-1')];
    const answers = new Map<string, string>();
    for (const [fact, holds] of Object.entries(FACTS))
      answers.set(
        fact,
        await holds(at, other).then(
          (yes) => (yes ? 'yes' : 'no'),
          () => 'refuses',
        ),
      );
    return answers;
  } finally {
    process.env = before;
  }
}

test('the endpoint of the rig holds to every rule, and where others differ is written down', async () => {
  const peers = await Peers.create();
  await using own = await AwsEndpoint.start();
  const mine = await examine(own.url);
  expect([...mine].filter(([, answer]) => answer !== 'yes')).toEqual([]);
  await using moto = await peers.startMoto();
  const byMoto = await examine(moto.url);
  await using ministack = await peers.startMinistack();
  const byMinistack = await examine(ministack.url);
  const rows = Object.keys(FACTS).map((fact) => [fact, byMoto.get(fact) ?? '', byMinistack.get(fact) ?? '']);
  await expect(`${formatTable([['fact', 'moto', 'ministack'], ...rows])}\n`).toMatchFileSnapshot(
    'golden/aws-contract.txt',
  );
});
