import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { AwsEndpoint } from '../rig/aws/endpoint.ts';
import { builtFile, diskBlocks, realCheckout, sha256 } from '../rig/aws/real-checkout.ts';
import type { Rig } from '../rig/rig.ts';

/** The whole of a release of a real image: killed in each of its steps, one after the other, and run again. */
const VARIANT = 'aws-dev';
const REGIONS = ['eu-north-1', 'eu-west-1'];

let rig: Rig;
let endpoint: AwsEndpoint;

beforeAll(async () => {
  rig = await realCheckout(VARIANT, {
    'Infra.yaml': `aws:\n  regions: [${REGIONS.join(', ')}]\n  ssm-prefix: /aws/service/acme\n`,
  });
  endpoint = await AwsEndpoint.start();
});

afterAll(async () => {
  await endpoint[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

async function release(killWhen?: (line: string) => boolean) {
  const env = { ...endpoint.env, XDG_CONFIG_HOME: join(rig.dir, '.config') };
  const to = `file:${join(rig.dir, 'published')}`;
  const argv = ['--json', 'release', '--variant', VARIANT, '--public', '--new', '--to', to, '--patience', '20'];
  return await rig.makeWith({ env, ...(killWhen && { killWhen }) }, ...argv);
}

function done(): string[] {
  const path = join(rig.dir, `build/publish/release-x86_64-${VARIANT}.json`);
  if (!existsSync(path)) return [];
  return Object.keys(
    z.object({ done: z.record(z.string(), z.string()) }).parse(JSON.parse(readFileSync(path, 'utf8'))).done,
  );
}

/** A line of a step that it is killed at, and what is done before it. */
const KILLS = [
  { step: 'build', at: /"type":"task-(started|ended)"/, before: [] },
  { step: 'repo', at: /"id":"repo\/create"/, before: [] },
  { step: 'publish', at: /"type":"task-progress","id":"repo\/publish"/, before: ['repo'] },
  { step: 'ami', at: /"type":"task-progress","id":"upload-snapshot.*"note":"[1-9]/, before: ['repo', 'publish'] },
  { step: 'share', at: /"id":"grant-snapshots\/eu-west-1"/, before: ['repo', 'publish', 'ami'] },
  { step: 'ssm', at: /"id":"parameters\/eu-north-1"/, before: ['repo', 'publish', 'ami', 'share'] },
  { step: 'promote', at: /"id":"parameters\/eu-north-1"/, before: ['repo', 'publish', 'ami', 'share', 'ssm'] },
] as const;

test.each(KILLS)('killed in the step $step, it knows what was done before', async ({ at, before }) => {
  const killed = await release((line) => at.test(line) && done().length === before.length);
  expect(killed).toMatchObject({ signal: 'SIGKILL' });
  expect(done()).toEqual(before);
});

test('it goes on to the end, and then nothing is left to do', async () => {
  expect(await release()).toMatchObject({ status: 0, stderr: '' });
  expect(done()).toEqual(['repo', 'publish', 'ami', 'share', 'ssm', 'promote']);
  const before = endpoint.calls.length;
  expect(await release()).toMatchObject({ status: 0 });
  expect(endpoint.calls.length).toBe(before);
});

test('each region has a snapshot of each disk that was built, block by block', async () => {
  const { world } = endpoint;
  const disks = await Promise.all(
    ['-data.img.lz4', '.img.lz4'].map(async (suffix) => [...(await diskBlocks(builtFile(rig, VARIANT, suffix)))]),
  );
  expect(disks.map((blocks) => blocks.length > 50)).toEqual([false, true]);
  const snapshots = [...world.snapshots.values()];
  expect(snapshots.map(({ state }) => state)).toEqual(Array(REGIONS.length * disks.length).fill('completed'));
  for (const region of REGIONS) {
    const held = snapshots
      .filter((snapshot) => snapshot.region === region)
      .map((snapshot) => [...world.contentOf(snapshot)].map(([index, bytes]) => [index, sha256(bytes)] as const))
      .map((blocks) => blocks.toSorted(([a], [b]) => a - b));
    expect(held.toSorted((a, b) => a.length - b.length)).toEqual(disks);
  }
});

test('everybody finds the AMIs of all regions by the latest name', () => {
  const { images, parameters } = endpoint.world;
  expect([...images.values()].map(({ region, permissions }) => [region, permissions])).toEqual(
    REGIONS.map((region) => [region, [{ kind: 'Group', value: 'all' }]]),
  );
  for (const { id, region, owner } of images.values())
    expect(parameters.get(`${owner}:${region}:/aws/service/acme/${VARIANT}/x86_64/latest/image_id`)?.value).toBe(id);
});

test('the update repository is valid, every byte of it read', async () => {
  const base = `file:${join(rig.dir, 'published')}`;
  const env = { XDG_CONFIG_HOME: join(rig.dir, '.config') };
  const { status, stdout, stderr } = await rig.makeWith(
    { env },
    'repo',
    'validate',
    '--variant',
    VARIANT,
    '--base',
    base,
  );
  expect({ status, stdout, stderr }).toMatchObject({ status: 0 });
});
