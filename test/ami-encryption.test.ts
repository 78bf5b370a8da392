import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { POLICIES } from '../tools/aws/policies.ts';
import { ACCOUNT } from './rig/aws/endpoint.ts';
import { Disks, PublishRig } from './rig/aws/publish-rig.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let disks: Disks;

beforeAll(async () => {
  disks = await Disks.create();
});

afterAll(async () => await disks[Symbol.asyncDispose]());

function infra(encryption: string): string {
  return `aws:\n  regions: [eu-north-1, eu-west-1]\n  encryption: ${encryption}\n`;
}

/** Region and key of every snapshot. */
function keysOf({ endpoint }: PublishRig): string[] {
  return [...endpoint.world.snapshots.values()].map(({ region, kmsKey = 'none' }) => `${region} ${kmsKey}`);
}

function keyIn(region: string, name: string): string {
  return `${region} arn:aws:kms:${region}:${ACCOUNT}:key/${name}`;
}

test('snapshots are encrypted with the key of their region, named to EBS by its ARN, and read back', async () => {
  await using rig = await PublishRig.create(
    disks,
    infra('{ kms-key: alias/there, region: { eu-west-1: { kms-key: alias/there-west } } }'),
  );
  rig.endpoint.policy = new Set([...POLICIES['ami create'], 'kms:DescribeKey']);
  await rig.ok('ami', 'create');
  const wanted = [keyIn('eu-north-1', 'there'), keyIn('eu-west-1', 'there-west')];
  expect(keysOf(rig)).toEqual(wanted.flatMap((each) => [each, each]));
});

test("without a name for it, the key is the account's own", async () => {
  await using rig = await PublishRig.create(disks, infra('{}'));
  await rig.ok('ami', 'create', '--regions', 'eu-north-1');
  expect(keysOf(rig)).toEqual([keyIn('eu-north-1', 'own'), keyIn('eu-north-1', 'own')]);
});

test('the next release is what differs from the last one under the same key, and whole under another', async () => {
  await using rig = await PublishRig.create(disks, infra('{ kms-key: alias/there }'));
  const { endpoint } = rig;
  const puts = async (): Promise<number> => {
    const before = endpoint.calls.length;
    await rig.ok('ami', 'create', '--regions', 'eu-north-1');
    return endpoint.calls.slice(before).filter(({ action }) => action === 'ebs:PutSnapshotBlock').length;
  };
  expect(await puts()).toBe(5);
  await rig.build('1.2.4-next', disks.nextOs);
  expect(await puts()).toBe(2);
  await rig.build('1.2.5-next', disks.os);
  await rig.rig.write({ 'Infra.yaml': infra('{ kms-key: alias/there-new }') });
  expect(await puts()).toBe(5);
  expect(keysOf(rig).slice(4)).toEqual([keyIn('eu-north-1', 'there-new'), keyIn('eu-north-1', 'there-new')]);
});

test.each([
  ['alias/there-disabled', 'expected an enabled key, got one that is Disabled'],
  ['alias/there-signing', 'expected a symmetric key for encryption'],
])('the key %s is refused before anything costs', async (key, finding) => {
  await using rig = await PublishRig.create(disks, infra(`{ kms-key: ${key} }`));
  const { status, stderr } = await rig.make('ami', 'create', '--regions', 'eu-north-1');
  expect([status, stderr]).toEqual([1, expect.stringContaining(`in eu-north-1: ${finding}  [aws/bad-key]`) as unknown]);
  expect(rig.endpoint.world.snapshots.size).toBe(0);
});
