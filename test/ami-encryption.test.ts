import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { POLICIES } from '../tools/aws/policies.ts';
import type { AmiJob } from './rig/aws/ami-child.ts';
import { AmiRig, TINY_BYTES } from './rig/aws/ami-job.ts';
import { ACCOUNT, AwsEndpoint } from './rig/aws/endpoint.ts';
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
function keysOf({ world }: AwsEndpoint): string[] {
  return [...world.snapshots.values()].map(({ region, kmsKey = 'none' }) => `${region} ${kmsKey}`);
}

function keyIn(region: string, name: string): string {
  return `${region} arn:aws:kms:${region}:${ACCOUNT}:key/${name}`;
}

/** `ami create` of disks of six blocks each, in one region. */
async function createTiny(
  rig: AmiRig,
  endpoint: AwsEndpoint,
  { stateDir, encryption }: { stateDir: string; encryption?: AmiJob['config']['encryption'] },
): Promise<number> {
  const before = endpoint.calls.length;
  const config = { regions: ['eu-north-1'], ...(encryption !== undefined && { encryption }) };
  expect(await rig.run(endpoint, { stateDir, config })).toMatchObject({ status: 0, stderr: '' });
  return endpoint.calls.slice(before).filter(({ action }) => action === 'ebs:PutSnapshotBlock').length;
}

const TWELVE_BLOCKS = { bytes: TINY_BYTES, blocks: { 0: 'a', 2: 'b', 5: 'c' } };

test('snapshots are encrypted with the key of their region, named to EBS by its ARN, and read back', async () => {
  await using rig = await AmiRig.of(TWELVE_BLOCKS);
  await using endpoint = await AwsEndpoint.start();
  endpoint.policy = new Set([...POLICIES['ami create'], 'kms:DescribeKey']);
  const config = {
    regions: ['eu-north-1', 'eu-west-1'],
    encryption: { 'kms-key': 'alias/there', region: { 'eu-west-1': { 'kms-key': 'alias/there-west' } } },
  };
  expect(await rig.run(endpoint, { stateDir: await rig.freshState(), config })).toMatchObject({
    status: 0,
    stderr: '',
  });
  const wanted = [keyIn('eu-north-1', 'there'), keyIn('eu-west-1', 'there-west')];
  expect(keysOf(endpoint)).toEqual(wanted.flatMap((each) => [each, each]));
});

test('of an encrypted snapshot every block is written, for what is not there would not read as zeros', async () => {
  await using rig = await AmiRig.of(TWELVE_BLOCKS);
  await using endpoint = await AwsEndpoint.start();
  expect(await createTiny(rig, endpoint, { stateDir: await rig.freshState(), encryption: {} })).toBe(12);
  expect(keysOf(endpoint)).toEqual([keyIn('eu-north-1', 'own'), keyIn('eu-north-1', 'own')]);
});

test('an account that encrypts unasked gets every block, too', async () => {
  await using rig = await AmiRig.of(TWELVE_BLOCKS);
  await using endpoint = await AwsEndpoint.start();
  expect(await createTiny(rig, endpoint, { stateDir: await rig.freshState() })).toBe(4);
  endpoint.world.images.clear();
  endpoint.world.snapshots.clear();
  endpoint.world.tokens.clear();
  endpoint.world.encrypting.add('eu-north-1');
  expect(await createTiny(rig, endpoint, { stateDir: await rig.freshState() })).toBe(12);
});

test('the next release is what differs from the last one under the same key, and whole under another', async () => {
  await using first = await AmiRig.of(TWELVE_BLOCKS);
  await using next = await AmiRig.of({ bytes: TINY_BYTES, blocks: { 0: 'a', 2: 'new' } });
  await using endpoint = await AwsEndpoint.start();
  const stateDir = await first.freshState();
  const there = { stateDir, encryption: { 'kms-key': 'alias/there' } };
  expect(await createTiny(first, endpoint, there)).toBe(12);
  endpoint.world.images.clear();
  // One block with a new content, and zeros over one that is gone.
  expect(await createTiny(next, endpoint, there)).toBe(2);
  endpoint.world.images.clear();
  endpoint.world.snapshots.clear();
  endpoint.world.tokens.clear();
  expect(await createTiny(first, endpoint, there)).toBe(12);
  endpoint.world.images.clear();
  expect(await createTiny(next, endpoint, { stateDir, encryption: { 'kms-key': 'alias/there-new' } })).toBe(12);
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
