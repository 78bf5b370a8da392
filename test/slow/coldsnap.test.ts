import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { runCommand } from '../../tools/process/command.ts';
import { AwsEndpoint } from '../rig/aws/endpoint.ts';
import { lz4Program } from '../rig/aws/disk-fixture.ts';
import { builtFile, diskBlocks, realCheckout, sha256 } from '../rig/aws/real-checkout.ts';
import { bringColdsnap } from '../rig/peers/coldsnap.ts';
import type { Rig } from '../rig/rig.ts';

/** What this project uploads, coldsnap downloads; what coldsnap uploads, this project reads: one real image both ways. */
const VARIANT = 'metal-dev';
const REGION = 'eu-north-1';

let rig: Rig;
let endpoint: AwsEndpoint;
let coldsnap: string;
let disk: string;
let raw: string;

beforeAll(async () => {
  coldsnap = await bringColdsnap();
  rig = await realCheckout(VARIANT, { 'Infra.yaml': `aws:\n  regions: [${REGION}]\n` });
  endpoint = await AwsEndpoint.start();
  await rig.succeed('build', '--variant', VARIANT);
  disk = builtFile(rig, VARIANT, '.img.lz4');
  raw = join(rig.dir, 'disk.img');
  await run(...(await lz4Program()), '-d', '-q', disk, raw);
});

afterAll(async () => {
  await endpoint[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

/** What a program prints that has to end well. */
async function run(...argv: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const { status } = await runCommand(argv, { env: endpoint.env, onLine: (line) => lines.push(line) });
  if (status !== 0) throw new Error(`${argv.join(' ')}:\n${lines.join('\n')}`);
  return lines.join('\n');
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) if (Buffer.isBuffer(piece)) hash.update(piece);
  return hash.digest('hex');
}

test('coldsnap downloads from the snapshot that was uploaded the disk that was built', async () => {
  const { status, stderr } = await rig.makeWith({ env: endpoint.env }, 'ami', 'create', '--variant', VARIANT);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  const [snapshot] = endpoint.world.snapshots.keys();
  const back = join(rig.dir, 'back.img');
  await run(coldsnap, '--region', REGION, 'download', '--no-progress', snapshot ?? '', back);
  expect(await sha256Of(back)).toBe(await sha256Of(raw));
});

test('a snapshot that coldsnap uploads holds the very blocks that ours does', async () => {
  const lines = await run(coldsnap, '--region', REGION, 'upload', '--no-progress', '--omit-zero-blocks', '--wait', raw);
  const id = /snap-\w+/.exec(lines)?.[0] ?? '';
  const theirs = endpoint.world.snapshots.get(id);
  const held = [...(theirs?.blocks ?? [])].map(([index, bytes]) => [index, sha256(bytes)] as const);
  expect([theirs?.state, held.toSorted(([a], [b]) => a - b)]).toEqual(['completed', [...(await diskBlocks(disk))]]);
});
