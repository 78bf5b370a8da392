import { createHash } from 'node:crypto';
import { join } from 'node:path';

import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { afterOnePart, BucketRig, KIT, PART_BYTES } from './rig/bucket-rig.ts';
import { forward } from './rig/forward.ts';

/** What goes over the wire to a bucket, and what does not. */
let bucket: BucketRig;

beforeAll(async () => {
  bucket = await BucketRig.create('parts', 'names', 'stopped');
}, 600_000);

afterAll(() => bucket[Symbol.asyncDispose]());

const sha256 = createHash('sha256').update(KIT).digest('hex');
const Key = `2030/targets/${sha256}.metal-dev-x86_64-kmod-kit-v1.0.0.tar.xz`;

async function leave(UploadId: string, PartNumber: number, Body: Uint8Array): Promise<void> {
  const ChecksumSHA256 = createHash('sha256').update(Body).digest('base64');
  await bucket.s3.send(new UploadPartCommand({ Bucket: 'parts', Key, UploadId, PartNumber, Body, ChecksumSHA256 }));
}

test('an upload that was begun gets the parts that it lacks, and the one that holds other bytes; not those that are there', async () => {
  const begin = new CreateMultipartUploadCommand({ Bucket: 'parts', Key, ChecksumAlgorithm: 'SHA256' });
  const { UploadId = '' } = await bucket.s3.send(begin);
  await leave(UploadId, 1, KIT.subarray(0, PART_BYTES));
  await leave(UploadId, 2, Buffer.alloc(PART_BYTES, 'other'));
  await using front = await forward(bucket.ministack.url);
  await bucket.rig.ok('repo', 'publish', '--to', 's3://parts/2030', ...bucket.at(front.url));
  const sent = front.requests.flatMap((request) => /^PUT .*[?&]partNumber=(\d+)/.exec(request)?.[1] ?? []);
  expect(sent).toEqual(['2', '3']);
  const { Body } = await bucket.s3.send(new GetObjectCommand({ Bucket: 'parts', Key }));
  expect(Buffer.compare((await Body?.transformToByteArray()) ?? Buffer.alloc(0), KIT)).toBe(0);
}, 60_000);

test('Ctrl-C ends an upload in the middle of a file, and what was sent of it is there for the next run', async () => {
  const { rig, s3 } = bucket;
  const env = { XDG_CONFIG_HOME: join(rig.dir, '.config'), AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  const to = ['--to', 's3://stopped/2030', ...bucket.at()];
  const how = { env, killWhen: afterOnePart, killBy: 'SIGINT' } as const;
  const { status } = await rig.rig.makeWith(how, '--json', 'repo', 'publish', ...to);
  expect(status).toBe(130);
  const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: 'stopped' }));
  expect(Uploads.map((upload) => upload.Key)).toEqual([Key]);
  await rig.ok('repo', 'publish', ...to);
}, 60_000);

test('a file under two names is sent once, and copied within the bucket; both are what they have to be', async () => {
  await using front = await forward(bucket.ministack.url);
  const to = ['--to', 's3://names/2030'];
  expect(await bucket.rig.ok('repo', 'publish', ...to, '--plan', ...bucket.at())).toContain('the same bytes');
  await bucket.rig.ok('repo', 'publish', ...to, ...bucket.at(front.url));
  const puts = front.requests.filter((request) => request.startsWith('PUT /names/2030/targets/'));
  expect(puts.filter((request) => request.includes(' from names/2030/targets/'))).toHaveLength(2);
  const keys = puts.map((request) => /^PUT ([^? ]+)/.exec(request)?.[1]);
  // The kit has three parts.
  expect(puts).toHaveLength(new Set(keys).size + 2);
  const { Contents = [] } = await bucket.s3.send(
    new ListObjectsV2Command({ Bucket: 'names', Prefix: '2030/targets/' }),
  );
  expect(Contents).toHaveLength(9);
  for (const { Key: key = '' } of Contents) {
    const { Body } = await bucket.s3.send(new GetObjectCommand({ Bucket: 'names', Key: key }));
    const digest = createHash('sha256').update((await Body?.transformToByteArray()) ?? Buffer.alloc(0));
    expect(digest.digest('hex')).toBe(/([0-9a-f]{64})\./.exec(key)?.[1]);
    const { CacheControl, Metadata } = await bucket.s3.send(new HeadObjectCommand({ Bucket: 'names', Key: key }));
    expect({ CacheControl, Metadata }).toEqual({
      CacheControl: 'max-age=31536000, immutable',
      Metadata: { sha256: /([0-9a-f]{64})\./.exec(key)?.[1] },
    });
  }
}, 60_000);
