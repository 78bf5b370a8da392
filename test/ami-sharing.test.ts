import { join } from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { readAmis } from '../tools/aws/amis-file.ts';
import { Disks, PublishRig } from './rig/aws/publish-rig.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const AMIS = 'build/images/x86_64-aws-dev/latest/slipway-aws-dev-x86_64-amis.json';
const WHO = ['--accounts', '444444444444', '--regions', 'eu-north-1'];

let disks: Disks;

beforeAll(async () => {
  disks = await Disks.create();
});

afterAll(async () => await disks[Symbol.asyncDispose]());

test.each([
  { verb: 'grant', of: 'snapshots', read: 'ec2:DescribeSnapshotAttribute' },
  { verb: 'grant', of: 'images', read: 'ec2:DescribeImageAttribute' },
  { verb: 'revoke', of: 'snapshots', read: 'ec2:DescribeSnapshotAttribute' },
  { verb: 'revoke', of: 'images', read: 'ec2:DescribeImageAttribute' },
] as const)('$verb is an error where what is read back of $of is as before', async ({ verb, of, read }) => {
  await using rig = await PublishRig.create(disks);
  const { endpoint } = rig;
  await rig.ok('ami', 'create', '--regions', 'eu-north-1');
  if (verb === 'revoke') await rig.ok('ami', 'grant', ...WHO);
  const before = new Map([...endpoint.world[of]].map(([id, { permissions }]) => [id, [...permissions]]));
  // An organization's policy that puts everything back as it was.
  endpoint.fate = ({ action }) => {
    if (action === read) for (const [id, one] of endpoint.world[of]) one.permissions = [...(before.get(id) ?? [])];
    return 'served';
  };
  const { status, stderr } = await rig.make('ami', verb, ...WHO);
  expect([status, stderr]).toEqual([1, expect.stringMatching(/444444444444 {2}\[aws\/not-shared\]/) as unknown]);
  // What did happen before it is written down.
  const [image] = endpoint.world.images.values();
  expect(readAmis(join(rig.dir, AMIS))['eu-north-1']?.launch_permissions).toHaveLength(image?.permissions.length ?? -1);
});
