import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { ACCOUNT } from './rig/aws/endpoint.ts';
import { Disks, INFRA, PublishRig } from './rig/aws/publish-rig.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let disks: Disks;

beforeAll(async () => {
  disks = await Disks.create();
});

afterAll(async () => await disks[Symbol.asyncDispose]());

test('validate --blocks reads every block that there is, and finds the one that changed', async () => {
  await using rig = await PublishRig.create(disks);
  const { endpoint } = rig;
  await rig.ok('ami', 'create');
  const before = endpoint.calls.length;
  expect(await rig.ok('ami', 'validate', '--blocks')).toMatch(/^correct +eu-north-1/);
  expect(endpoint.calls.slice(before).filter(({ action }) => action === 'ebs:GetSnapshotBlock')).toHaveLength(5);

  const [snapshot] = endpoint.world.snapshots.values();
  const block = Buffer.from(snapshot?.blocks.get(700) ?? '');
  block.writeUInt8(block.readUInt8(9) ^ 1, 9);
  snapshot?.blocks.set(700, block);
  const { status, stderr } = await rig.make('ami', 'validate', '--blocks');
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/in eu-north-1: 1 blocks differ, block 700 first {2}\[aws\/other-content\]/) as unknown,
  ]);
});

test('validate --check-unexpected finds what nobody published from here', async () => {
  await using rig = await PublishRig.create(disks);
  const { world } = rig.endpoint;
  await rig.ok('ami', 'create');
  await rig.ok('ssm', 'set');
  await rig.ok('ssm', 'validate', '--check-unexpected');
  world.parameters.set(`${ACCOUNT}:eu-west-1:/acme/os/left/behind`, { value: 'ami-0', version: 1 });
  world.parameters.set(`${ACCOUNT}:eu-west-1:/acme/other`, { value: 'not ours', version: 1 });
  await rig.ok('ssm', 'validate');
  const { status, stdout } = await rig.make('ssm', 'validate', '--check-unexpected');
  expect([status, stdout.match(/^unexpected.*/gm)]).toEqual([
    2,
    [expect.stringMatching(/eu-west-1 +\/acme\/os\/left\/behind/) as unknown],
  ]);
});

test('without a prefix nothing can be unexpected, and that is said', async () => {
  await using rig = await PublishRig.create(disks, INFRA.replace('  ssm-prefix: /acme/os\n', ''));
  await rig.ok('ami', 'create', '--regions', 'eu-north-1');
  await rig.ok('ssm', 'set', '--regions', 'eu-north-1');
  const { status, stderr } = await rig.make('ssm', 'validate', '--check-unexpected', '--regions', 'eu-north-1');
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/Infra\.yaml:1:1: error: .*\[aws\/no-prefix\]/) as unknown,
  ]);
});
