import { join } from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { Disks, PublishRig } from './rig/aws/publish-rig.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let disks: Disks;

beforeAll(async () => {
  disks = await Disks.create();
});

afterAll(async () => await disks[Symbol.asyncDispose]());

test('an Infra.toml as it is says where AMIs go, by which roles, and what parameters are called', async () => {
  await using rig = await PublishRig.create(disks);
  await rig.rig.write({
    'Infra.toml': `[aws]
regions = ["eu-north-1", "ap-south-1"]
role = "arn:aws:iam::444444444444:role/publisher"
ssm_prefix = "/toml/os"
region.ap-south-1.role = "arn:aws:iam::222222222222:role/pub"
`,
  });
  const toml = ['--infra', join(rig.dir, 'Infra.toml')];
  await rig.ok('ami', 'create', ...toml);
  await rig.ok('ssm', 'set', ...toml);
  const { images, parameters } = rig.endpoint.world;
  expect([...images.values()].map(({ owner, region }) => `${owner} ${region}`)).toEqual([
    '444444444444 eu-north-1',
    '222222222222 ap-south-1',
  ]);
  expect([...parameters.keys()].map((key) => key.replace(/:\/toml\/os\/.*/, '')).toSorted()).toEqual([
    ...Array<string>(2).fill('222222222222:ap-south-1'),
    ...Array<string>(2).fill('444444444444:eu-north-1'),
  ]);
});

test('a mistake in the aws section of an Infra.toml is told with its place', async () => {
  await using rig = await PublishRig.create(disks);
  await rig.rig.write({ 'Infra.toml': '[aws]\nregions = ["eu-north-1"]\nrole = "publisher"\nprefix = "/x"\n' });
  const { status, stderr } = await rig.make('ami', 'plan', '--infra', join(rig.dir, 'Infra.toml'));
  expect([status, stderr.match(/Infra\.toml:\d+:\d+/g)]).toEqual([1, ['Infra.toml:3:8', 'Infra.toml:4:10']]);
});
