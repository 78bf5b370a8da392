import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';

import { Disks, PublishRig } from './rig/aws/publish-rig.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const PUBLISHING = ['--steps', 'ami,share,ssm,promote'];

let disks: Disks;

beforeAll(async () => {
  disks = await Disks.create();
});

afterAll(async () => await disks[Symbol.asyncDispose]());

/** What the state file says is done. */
function doneOf(rig: PublishRig): string[] {
  const state: unknown = JSON.parse(readFileSync(join(rig.dir, 'build/publish/release-x86_64-aws-dev.json'), 'utf8'));
  return Object.keys(z.object({ done: z.record(z.string(), z.string()) }).parse(state).done);
}

test('a release goes on after the step that failed, and does none twice', async () => {
  await using rig = await PublishRig.create(disks);
  const { endpoint } = rig;
  endpoint.fate = ({ action }) => (action === 'ssm:PutParameter' ? 'broken' : 'served');
  const failed = await rig.make('release', ...PUBLISHING, '--public');
  expect([failed.status, failed.stderr]).toEqual([
    1,
    expect.stringContaining('Cannot call ssm:PutParameter') as unknown,
  ]);
  expect(doneOf(rig)).toEqual(['ami', 'share']);

  endpoint.fate = () => 'served';
  const before = endpoint.calls.length;
  expect(await rig.ok('release', ...PUBLISHING, '--public')).toMatch(
    /^ami\n {2}Done at .*\nshare\n {2}Done at .*\nssm\n {2}Wrote 4 parameters/,
  );
  expect(new Set(endpoint.calls.slice(before).map(({ service }) => service))).toEqual(new Set(['sts', 'ssm']));
  expect([...endpoint.world.images.values()].map(({ permissions }) => permissions.length)).toEqual([1, 1]);
  expect([...endpoint.world.parameters.keys()].filter((name) => name.includes('/latest/'))).toHaveLength(4);
});

test('a step that has failed has nothing under way', async () => {
  await using rig = await PublishRig.create(disks);
  const { endpoint } = rig;
  await rig.ok('release', '--steps', 'ami', '--regions', 'eu-north-1');
  let puts = 0;
  endpoint.fate = async ({ action }) => {
    if (action !== 'ssm:PutParameter') return 'served';
    puts += 1;
    if (puts === 1) return 'denied';
    await sleep(1000);
    return 'served';
  };
  const failed = await rig.make('release', '--steps', 'ssm', '--regions', 'eu-north-1');
  expect([failed.status, failed.stderr]).toEqual([1, expect.stringContaining('AccessDeniedException') as unknown]);
  expect([puts, endpoint.open]).toEqual([2, 0]);
});

test('another image is another release, and --again does a step again', async () => {
  await using rig = await PublishRig.create(disks);
  await rig.ok('release', '--steps', 'ami');
  const again = rig.endpoint.calls.length;
  expect(await rig.ok('release', '--steps', 'ami', '--again')).toMatch(/^ami\n {2}region/);
  expect(rig.endpoint.calls.length).toBeGreaterThan(again);
  await rig.build('1.2.4-next', disks.nextOs);
  await rig.ok('release', '--steps', 'ami');
  expect(rig.endpoint.world.images.size).toBe(4);
});

test('a step that there is not is refused with those there are', async () => {
  await using rig = await PublishRig.create(disks);
  const { status, stderr } = await rig.make('release', '--steps', 'ami,ship');
  expect([status, stderr]).toEqual([
    1,
    expect.stringContaining('Expected some of build,repo,publish,ami,share,ssm,promote.') as unknown,
  ]);
});
