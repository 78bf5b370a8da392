import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { readAmis } from '../tools/aws/amis-file.ts';
import { ACCOUNT } from './rig/aws/endpoint.ts';
import { Disks, INFRA, PublishRig } from './rig/aws/publish-rig.ts';

// A run takes a second; on a machine that builds an operating system beside it, many.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let disks: Disks;

beforeAll(async () => {
  disks = await Disks.create();
});

afterAll(async () => await disks[Symbol.asyncDispose]());

const AMIS = 'build/images/x86_64-aws-dev/latest/slipway-aws-dev-x86_64-amis.json';
const PARAMS = 'build/images/x86_64-aws-dev/1.2.3-abcd1234/slipway-aws-dev-x86_64-1.2.3-abcd1234-ssm-params.json';

/** What differs from one run to the next. */
function settle(text: string): string {
  return text
    .replaceAll(disks.os.sha256, '<os>')
    .replaceAll(disks.data.sha256, '<data>')
    .replaceAll(/\b[0-9a-f]{64}\b/g, '<content>');
}

test('a plan tells every call, and creating does what it says: from disks to parameters that validate, and back', async () => {
  await using rig = await PublishRig.create(disks);
  const { endpoint } = rig;
  const plan = join(rig.dir, 'plan.json');
  await expect(settle(await rig.ok('ami', 'plan', '--out', plan))).toMatchFileSnapshot('golden/plans/ami-create.txt');
  expect(endpoint.calls.map(({ action }) => action).filter((action) => !/Describe|Get/.test(action))).toEqual([]);

  expect(await rig.ok('ami', 'create', '--plan', plan)).toMatch(/eu-north-1 +ami-\w+ +private/);
  expect(Object.keys(readAmis(join(rig.dir, AMIS)))).toEqual(['eu-north-1', 'eu-west-1']);
  const [image] = endpoint.world.images.values();
  expect(image).toMatchObject({
    arch: 'x86_64',
    devices: [
      { name: '/dev/xvda', sizeGiB: 1, type: 'gp3', deleteOnTermination: true },
      { name: '/dev/xvdb', sizeGiB: 21, type: 'gp3', deleteOnTermination: true },
    ],
    facts: { enaSupport: true, sriovNetSupport: 'simple', imdsSupport: 'v2.0' },
    tags: { team: 'os', 'slipway:variant': 'aws-dev', 'slipway:version': '1.2.3-abcd1234' },
  });

  await rig.ok('ssm', 'set');
  await rig.ok('ssm', 'promote', '--target', 'latest');
  const latest = [...endpoint.world.parameters]
    .filter(([name]) => name.includes('/latest/image_id'))
    .map(([, { value }]) => value);
  expect(latest.toSorted()).toEqual([...endpoint.world.images.keys()].toSorted());

  const drifted = [...endpoint.world.parameters.values()][0];
  if (drifted !== undefined) drifted.value = 'ami-0000';
  const junit = join(rig.dir, 'ssm.xml');
  const { status, stdout } = await rig.make('ssm', 'validate', '--junit', junit);
  expect([status, stdout.match(/^incorrect/gm)?.length]).toEqual([2, 1]);
  expect(readFileSync(junit, 'utf8')).toContain('tests="8" failures="1"');

  await rig.ok('ssm', 'undo');
  expect([...endpoint.world.parameters.keys()].filter((name) => name.includes('latest'))).toEqual([]);
  expect(existsSync(join(rig.dir, PARAMS))).toBe(true);
});

test('the next release is uploaded as what differs from the last one', async () => {
  await using rig = await PublishRig.create(disks);
  await rig.ok('ami', 'create', '--regions', 'eu-north-1');
  await rig.build('1.2.4-next', disks.nextOs);
  const before = rig.endpoint.calls.length;
  await rig.ok('ami', 'create', '--regions', 'eu-north-1');
  // One block with a new content, and zeros over one that is gone; the data disk is the same.
  expect(rig.endpoint.calls.slice(before).filter(({ action }) => action === 'ebs:PutSnapshotBlock')).toHaveLength(2);
});

test('sharing is granted, seen by validate when it drifts, and deleting takes all with it', async () => {
  await using rig = await PublishRig.create(disks);
  const { world, calls } = rig.endpoint;
  await rig.ok('ami', 'create');
  await rig.ok('ami', 'public');
  const order = calls.map(({ action }) => action).filter((action) => action.startsWith('ec2:Modify'));
  expect(order).toEqual([
    ...Array<string>(4).fill('ec2:ModifySnapshotAttribute'),
    ...Array<string>(2).fill('ec2:ModifyImageAttribute'),
  ]);
  expect([...world.images.values()].map(({ permissions }) => permissions)).toEqual([
    [{ kind: 'Group', value: 'all' }],
    [{ kind: 'Group', value: 'all' }],
  ]);

  await rig.ok('ami', 'deprecate', '--in', '90d');
  for (const image of world.images.values()) if (image.region === 'eu-west-1') image.permissions = [];
  const { status, stdout, stderr } = await rig.make('ami', 'validate');
  expect([status, stdout]).toEqual([
    2,
    expect.stringMatching(/^correct +eu-north-1.*\nincorrect +eu-west-1/) as unknown,
  ]);
  expect(stderr).toContain('public: expected true, got false');

  expect(await rig.ok('ami', 'delete')).toContain('nothing was changed');
  await rig.ok('ami', 'delete', '--yes');
  expect([world.images.size, world.snapshots.size]).toEqual([0, 0]);
});

test('an AMI of the same name and other content is refused, and so is a name that two have', async () => {
  await using rig = await PublishRig.create(disks);
  const { world } = rig.endpoint;
  await rig.ok('ami', 'create', '--regions', 'eu-north-1');
  const [image] = world.images.values();
  if (image === undefined) throw new TypeError('Expected an AMI');
  await rig.build('1.2.3-abcd1234', disks.nextOs);
  const other = await rig.make('ami', 'create', '--regions', 'eu-north-1');
  expect([other.status, other.stderr]).toEqual([1, expect.stringContaining('[aws/name-taken]') as unknown]);
  const newer = await rig.make('ami', 'grant', '--accounts', '444444444444', '--regions', 'eu-north-1');
  expect([newer.status, newer.stderr]).toEqual([1, expect.stringContaining('[aws/newer-image]') as unknown]);
  world.images.set('ami-twin', { ...image, id: 'ami-twin' });
  const twins = await rig.make('ami', 'create', '--regions', 'eu-north-1');
  expect([twins.status, twins.stderr]).toEqual([
    1,
    expect.stringContaining(`got ${image.id}, ami-twin  [aws/ambiguous-name]`) as unknown,
  ]);
});

test('a parameter is not overwritten unasked, and a public name wants a public AMI', async () => {
  await using rig = await PublishRig.create(disks, INFRA.replace('/acme/os', '/aws/service/acme'));
  const { world } = rig.endpoint;
  await rig.ok('ami', 'create', '--regions', 'eu-north-1');
  world.parameters.set(`${ACCOUNT}:eu-north-1:/aws/service/acme/aws-dev/x86_64/1.2.3-abcd1234/image_id`, {
    value: 'ami-0',
    version: 1,
  });
  const { status, stderr } = await rig.make('ssm', 'set', '--regions', 'eu-north-1');
  expect([status, stderr.match(/\[aws\/[\w-]+\]/g)]).toEqual([1, ['[aws/would-overwrite]', '[aws/private-image]']]);
  expect(world.parameters.size).toBe(1);
});

test('a template with an unknown variable is told with its place', async () => {
  await using rig = await PublishRig.create(disks, `${INFRA}  ssm-templates: ssm.yaml\n`);
  await rig.rig.write({
    'ssm.yaml': 'parameters:\n  - name: "{variant}/{image-id}"\n    value: "{image_id}"\n',
  });
  const { status, stderr } = await rig.make('ssm', 'plan');
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /ssm\.yaml:2:11: error: Cannot render "\{image-id\}": .*\n {2}hint: Did you mean "image_id"\?/,
  );
});
