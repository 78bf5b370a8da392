import { createHash } from 'node:crypto';

import { blockDigest } from '../../../../tools/aws/blocks.ts';
import { blockOf } from '../disk-fixture.ts';
import { BLOCK_BYTES } from '../world.ts';
import { complete, refused, snapshotOf } from './made.ts';
import type { Fact } from './made.ts';

export const EBS_FACTS: Readonly<Record<string, Fact>> = {
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
        bytes !== undefined &&
        createHash('sha256').update(bytes).digest('base64') === (await blockDigest(blockOf('whole')))
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
      Checksum: await blockDigest(blockOf('y')),
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
};
