import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import type { AwsEndpoint } from './rig/aws/endpoint.ts';
import { Disks, PublishRig } from './rig/aws/publish-rig.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let disks: Disks;

beforeAll(async () => {
  disks = await Disks.create();
});

afterAll(async () => await disks[Symbol.asyncDispose]());

const KIB = 1024;
const PUBLIC = 'aws:\n  regions: [eu-north-1, eu-west-1]\n  sharing: { groups: [all], accounts: ["333333333333"] }\n';

/** Calls that change something, or cost. */
function changes({ calls }: AwsEndpoint): string[] {
  return calls.map(({ action }) => action).filter((action) => !/:(Describe|Get|Assume)/.test(action));
}

test('everything in the way is told at once, before anything costs', async () => {
  await using rig = await PublishRig.create(
    disks,
    `aws:
  regions: [eu-north-1, eu-west-1, af-south-1, ap-south-1]
  region: { ap-south-1: { role: "arn:aws:iam::222222222222:role/missing" } }
  encryption: { kms-key: alias/there, region: { eu-west-1: { kms-key: alias/elsewhere } } }
  sharing: { groups: [all] }
`,
  );
  const { status, stderr } = await rig.make('ami', 'create');
  expect(status).toBe(1);
  await expect(stderr).toMatchFileSnapshot('golden/errors/ami-preflight.txt');
  expect(changes(rig.endpoint)).toEqual([]);
});

test('what quotas leave no room for is told of every region at once, before anything costs', async () => {
  await using rig = await PublishRig.create(disks, PUBLIC);
  const { world } = rig.endpoint;
  world.quotas.set('eu-north-1/ec2/L-B665C33B', 0);
  world.quotas.set('eu-north-1/ebs/L-309BACF6', 1);
  world.quotas.set('eu-west-1/ec2/L-0E3CBAB9', 0);
  world.quotas.set('eu-west-1/ec2/L-70015FFA', 0);
  world.quotas.set('eu-west-1/ebs/L-94D7AB7D', 1);
  const { status, stderr } = await rig.make('ami', 'create');
  expect(status).toBe(1);
  await expect(stderr).toMatchFileSnapshot('golden/errors/ami-quotas.txt');
  expect(changes(rig.endpoint)).toEqual([]);
});

test('an account that is full with this very AMI has room for it', async () => {
  await using rig = await PublishRig.create(disks, PUBLIC);
  const { world } = rig.endpoint;
  await rig.ok('ami', 'create');
  for (const region of ['eu-north-1', 'eu-west-1'])
    for (const quota of ['ec2/L-B665C33B', 'ec2/L-0E3CBAB9', 'ec2/L-70015FFA', 'ebs/L-309BACF6'])
      world.quotas.set(`${region}/${quota}`, 0);
  await rig.ok('ami', 'create');
  expect(await rig.ok('ami', 'public')).toMatch(/eu-west-1 +ami-\w+ +public/);
});

test('a sixth public AMI is refused before any AMI is shared', async () => {
  await using rig = await PublishRig.create(disks);
  const { world } = rig.endpoint;
  await rig.ok('ami', 'create');
  const [image] = world.images.values();
  if (image === undefined) throw new TypeError('Expected an AMI');
  for (let others = 1; others <= 5; others += 1)
    world.images.set(`ami-${others}`, {
      ...image,
      id: `ami-${others}`,
      name: `other ${others}`,
      region: 'eu-west-1',
      permissions: [{ kind: 'Group', value: 'all' }],
    });
  const before = changes(rig.endpoint).length;
  const { status, stderr } = await rig.make('ami', 'public');
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(
      /in eu-west-1: expected room for 1 more, the quota "Public AMIs" is 5, and 5 are in use/,
    ) as unknown,
  ]);
  expect(changes(rig.endpoint)).toHaveLength(before);
});

test('where nobody knows a quota, it says so and goes on', async () => {
  await using rig = await PublishRig.create(disks);
  rig.endpoint.world.withoutQuotas.add('eu-north-1');
  const { status, stderr } = await rig.make('ami', 'create', '--regions', 'eu-north-1');
  expect([status, stderr.match(/Service Quotas does not know "[^"]+" there/g)?.length]).toEqual([0, 3]);
});

test('a full disk for the journal stops it before anything is changed', async () => {
  await using rig = await PublishRig.create(disks);
  mkdirSync(join(rig.dir, 'build/publish/snapshots'), { recursive: true });
  symlinkSync('/dev/full', join(rig.dir, 'build/publish/snapshots/.room'));
  const { status, stderr } = await rig.make('ami', 'create');
  expect([status, stderr]).toEqual([1, expect.stringContaining('[publish/journal]\n  because: ENOSPC') as unknown]);
  expect(rig.endpoint.calls.filter(({ action }) => action === 'ebs:StartSnapshot')).toEqual([]);
});

test('an image that is not the one that was built is found out before the snapshot is complete', async () => {
  await using rig = await PublishRig.create(disks);
  const path = join(
    rig.dir,
    'build/images/x86_64-aws-dev/1.2.3-abcd1234/slipway-aws-dev-x86_64-1.2.3-abcd1234-data.img.lz4',
  );
  writeFileSync(path, readFileSync(path).subarray(0, 700 * KIB));
  const { status, stderr } = await rig.make('ami', 'create', '--regions', 'eu-north-1');
  expect([status, stderr]).toEqual([
    1,
    expect.stringContaining('Cannot decompress the LZ4 frame: it ends too early') as unknown,
  ]);
  expect(rig.endpoint.world.images.size).toBe(0);
});

test('while one publishes a variant, another is told so and changes nothing', async () => {
  await using rig = await PublishRig.create(disks);
  const { endpoint } = rig;
  const release = Promise.withResolvers<'served'>();
  const begun = Promise.withResolvers<void>();
  endpoint.fate = ({ action }) => {
    if (action !== 'ebs:StartSnapshot') return 'served';
    begun.resolve();
    return release.promise;
  };
  const first = rig.rig.makeWith({ env: endpoint.env }, 'ami', 'create', '--variant', 'aws-dev');
  await begun.promise;
  const calls = endpoint.calls.length;
  for (const verb of [
    ['ami', 'create'],
    ['ssm', 'set'],
    ['release', '--steps', 'ami'],
  ]) {
    const { status, stderr } = await rig.make(...verb);
    expect([verb, status, stderr]).toEqual([verb, 1, expect.stringContaining('[publish/busy]') as unknown]);
  }
  expect(endpoint.calls).toHaveLength(calls + 1);
  release.resolve('served');
  expect(await first).toMatchObject({ status: 0 });
  await rig.ok('ssm', 'set');
});
