import { cpSync, existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

import {
  CloudFrontClient,
  CreateDistributionCommand,
  ListInvalidationsCommand,
  GetInvalidationCommand,
} from '@aws-sdk/client-cloudfront';
import type { S3Client } from '@aws-sdk/client-s3';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { afterOnePart, BucketRig } from './rig/bucket-rig.ts';
import type { PeerServer } from './rig/peers.ts';
import type { UpdateRig } from './rig/update-rig.ts';

/** One bucket of ministack, which grows through these tests in their order. */
let bucket: BucketRig;
let rig: UpdateRig;
let ministack: PeerServer;
let s3: S3Client;

const REGION = 'eu-north-1';
const fleet = ['--variant', 'metal-dev'];
const to = ['--to', 's3://updates/2030'];
const base = [...fleet, '--base', 's3://updates/2030'];
const timestamp = { Bucket: 'updates', Key: '2030/metal-dev/x86_64/timestamp.json' };
beforeAll(async () => {
  bucket = await BucketRig.create('updates');
  ({ rig, ministack, s3 } = bucket);
}, 600_000);

afterAll(() => bucket[Symbol.asyncDispose]());

describe('a bucket', () => {
  test('goes on where a killed run was, with the parts that are there', async () => {
    const env = { XDG_CONFIG_HOME: join(rig.dir, '.config'), AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
    const killed = await rig.rig.makeWith(
      { env, killWhen: afterOnePart },
      '--json',
      'repo',
      'publish',
      ...to,
      ...bucket.at(),
    );
    expect(killed.signal).toBe('SIGKILL');
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: 'updates' }));
    expect(Uploads).toHaveLength(1);
    const { Parts = [] } = await s3.send(
      new ListPartsCommand({ Bucket: 'updates', Key: Uploads[0]?.Key, UploadId: Uploads[0]?.UploadId }),
    );
    expect(Parts.length).toBeGreaterThan(0);
  }, 120_000);

  test('is written with checksums, the large file in parts, and its timestamp alone is short-lived', async () => {
    expect(await rig.ok('repo', 'publish', ...to, ...bucket.at())).toContain('Published, and read back.');
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: 'updates' }));
    expect(Contents).toHaveLength(13);
    const head = await s3.send(new HeadObjectCommand(timestamp));
    expect(head.CacheControl).toBe('max-age=60');
    const others = Contents.map(({ Key = '' }) => Key).filter((Key) => Key !== timestamp.Key);
    for (const Key of others)
      expect((await s3.send(new HeadObjectCommand({ Bucket: 'updates', Key }))).CacheControl).toMatch(
        /^max-age=31536000/,
      );
  });

  test('has then nothing left to write, and validates byte by byte', async () => {
    expect(await rig.ok('repo', 'publish', ...to, ...bucket.at(), '--plan')).toContain(
      '0 objects to write (0 B), 13 are there already',
    );
    expect(await rig.result('repo', 'validate', ...base, ...bucket.at())).toMatchObject({
      repositories: [{ targets: 9, findings: 0 }],
    });
  });

  test('a timestamp that changed since the repository was made is not written over', async () => {
    await rig.ok('repo', 'refresh', ...base, ...bucket.at());
    const { Body } = await s3.send(new GetObjectCommand(timestamp));
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
    await s3.send(new PutObjectCommand({ ...timestamp, Body: Buffer.concat([bytes, Buffer.from('\n')]) }));
    expect(await rig.refusal('repo', 'publish', ...to, ...bucket.at())).toBe('1 tuf/interleaved');
    await s3.send(new PutObjectCommand({ ...timestamp, Body: bytes }));
    await rig.ok('repo', 'publish', ...to, ...bucket.at());
  });

  test('of two releasers at once, one is told to begin again', async () => {
    const dirs: string[] = [];
    for (const policy of ['default', 'other']) {
      await rig.rig.write({
        'other.yaml': 'targets-expiration: 4 weeks\nsnapshot-expiration: 4 weeks\ntimestamp-expiration: 3 weeks\n',
      });
      const file = policy === 'other' ? join(rig.dir, 'other.yaml') : policy;
      await rig.ok('repo', 'refresh', ...base, ...bucket.at(), '--expiration', file);
      const dir = `build/repos/bucket/releaser-${policy}`;
      cpSync(realpathSync(join(rig.dir, 'build/repos/bucket/latest')), join(rig.dir, dir), { recursive: true });
      dirs.push(dir);
    }
    const outcomes = await Promise.all(
      dirs.map((dir) => rig.refusal('repo', 'publish', '--from', dir, ...to, ...bucket.at())),
    );
    expect(outcomes.filter((outcome) => outcome === '0')).toHaveLength(1);
    expect(outcomes.filter((outcome) => /^1 tuf\/(interleaved|overwritten|not-read-back)$/.test(outcome))).toHaveLength(
      1,
    );
    expect(await rig.result('repo', 'validate', ...base, ...bucket.at())).toMatchObject({
      repositories: [{ findings: 0 }],
    });
  });

  test('one that is not there is an error, and no new repository', async () => {
    expect(
      await rig.refusal(
        'repo',
        'create',
        ...fleet,
        '--base',
        's3://nowhere/2030',
        '--new',
        '--replace',
        ...bucket.at(),
      ),
    ).toBe('1 tuf/refused');
  });

  test('CloudFront drops its copies of the timestamps that changed, and of nothing else', async () => {
    const cloudfront = new CloudFrontClient({ region: 'us-east-1', endpoint: ministack.url });
    const { Distribution } = await cloudfront.send(
      new CreateDistributionCommand({
        DistributionConfig: {
          CallerReference: 'test',
          Comment: 'updates',
          Enabled: true,
          Origins: {
            Quantity: 1,
            Items: [{ Id: 'bucket', DomainName: 'updates.example', S3OriginConfig: { OriginAccessIdentity: '' } }],
          },
          DefaultCacheBehavior: { TargetOriginId: 'bucket', ViewerProtocolPolicy: 'https-only' },
        },
      }),
    );
    const DistributionId = Distribution?.Id ?? '';
    const where = `to: "s3://updates/2030", region: ${REGION}, endpoint: "${ministack.url}"`;
    await bucket.configure(`    publish: { ${where}, cloudfront: ${DistributionId} }\n`);
    const dropped = async (): Promise<readonly (readonly string[])[]> => {
      const { InvalidationList } = await cloudfront.send(new ListInvalidationsCommand({ DistributionId }));
      const ids = (InvalidationList?.Items ?? []).map(({ Id }) => Id ?? '');
      const found = ids.map((Id) => cloudfront.send(new GetInvalidationCommand({ DistributionId, Id })));
      return (await Promise.all(found)).map(({ Invalidation }) => Invalidation?.InvalidationBatch?.Paths?.Items ?? []);
    };
    await rig.ok('repo', 'refresh', ...fleet);
    await rig.ok('repo', 'publish');
    expect(await dropped()).toEqual([['/2030/metal-dev/x86_64/timestamp.json']]);
    await rig.ok('repo', 'publish');
    expect(await dropped()).toHaveLength(1);
    await bucket.configure(`    publish: { ${where}, cloudfront: ENOSUCH }\n`);
    await rig.ok('repo', 'refresh', ...fleet);
    expect(await rig.refusal('repo', 'publish')).toBe('1 tuf/refused');
    await bucket.configure();
  });

  test('no private key is in the outputs or the store', () => {
    const secret = readFileSync(join(rig.dir, 'online.pem'), 'latin1').split('\n')[1] ?? '';
    expect(secret).toHaveLength(64);
    expect(existsSync(join(rig.dir, 'build'))).toBe(true);
    expect(rig.filesWith([secret], join(rig.dir, 'build'))).toEqual([]);
  });
});
