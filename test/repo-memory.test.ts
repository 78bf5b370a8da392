import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { UpdateRig } from './rig/update-rig.ts';

/** Two repositories with roots of their own, one after the other in the same place. */
let former: UpdateRig;
let latter: UpdateRig;
let place: string;

beforeAll(async () => {
  former = await UpdateRig.create();
  latter = await UpdateRig.create();
  place = join(former.dir, 'place');
  for (const rig of [former, latter]) {
    await rig.build({ version: '1.0.0' });
    await rig.ok('repo', 'create', '--variant', 'metal-dev');
  }
}, 600_000);

afterAll(async () => {
  await former[Symbol.asyncDispose]();
  await latter[Symbol.asyncDispose]();
});

async function download(rig: UpdateRig): Promise<string> {
  const out = join(rig.dir, 'out');
  return await rig.refusal('repo', 'download', '--variant', 'metal-dev', '--base', `file:${place}`, '--out', out);
}

test('what was seen of a repository counts for its root, not for whatever comes to its address', async () => {
  await former.ok('repo', 'publish', '--to', `file:${place}`);
  expect(await download(former)).toBe('0');
  rmSync(place, { recursive: true });
  await latter.ok('repo', 'publish', '--to', `file:${place}`);
  expect(await download(latter)).toBe('0');
  expect(await download(former)).toBe('1 tuf/refused-by-client');
});
