import { createHash, generateKeyPairSync } from 'node:crypto';
import { cpSync, existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  CloudFrontClient,
  CreateDistributionCommand,
  ListInvalidationsCommand,
  GetInvalidationCommand,
} from '@aws-sdk/client-cloudfront';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { forward } from './rig/forward.ts';
import type { PeerServer } from './rig/peers.ts';
import { UpdateRig } from './rig/update-rig.ts';

/** One bucket of ministack, which grows through these tests in their order. */
let rig: UpdateRig;
let ministack: PeerServer;
let s3: S3Client;

const REGION = 'eu-north-1';
const fleet = ['--variant', 'metal-dev'];
const to = ['--to', 's3://updates/2030'];
const base = [...fleet, '--base', 's3://updates/2030'];
const timestamp = { Bucket: 'updates', Key: '2030/metal-dev/x86_64/timestamp.json' };
/** Larger than goes up in one piece, and not a whole number of parts: two of 16 MiB and a last one. */
const kit = Buffer.alloc((40 << 20) + 12_345, 'kit ');
const PART_BYTES = 16 << 20;

beforeAll(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test-secret-that-no-log-may-hold');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  rig = await UpdateRig.create();
  ministack = await rig.peers.startMinistack();
  s3 = new S3Client({ region: REGION, endpoint: ministack.url, forcePathStyle: true });
  for (const Bucket of ['updates', 'parts']) await s3.send(new CreateBucketCommand({ Bucket }));
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(join(rig.dir, 'online.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  await configure();
  await rig.ok('root', 'init');
  await rig.ok('root', 'add-key', '--key', 'file:online.pem', '--role', 'root', 'targets', 'snapshot', 'timestamp');
  await rig.ok('root', 'sign', '--key', 'file:online.pem');
  await rig.build({ version: '1.0.0' });
  const large = 'build/images/x86_64-metal-dev/latest/slipway-metal-dev-x86_64-1.0.0-abcd1234-kmod-kit.tar.xz';
  await rig.rewrite(join(rig.dir, large), kit);
  await rig.ok('repo', 'create', ...fleet);
}, 600_000);

afterAll(async () => {
  vi.unstubAllEnvs();
  await ministack[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

async function configure(publish = ''): Promise<void> {
  const keys = '    signing-keys: { file: { path: online.pem } }\n';
  await rig.rig.write({ 'Infra.yaml': `repo:\n  bucket:\n${keys}${publish}` });
}

/** An event that tells of more than one part of an upload. */
function afterOnePart(line: string): boolean {
  return line.includes('"type":"task-progress"') && Number(/"done":(\d+)/.exec(line)?.[1]) > PART_BYTES;
}

function at(endpoint = ministack.url): string[] {
  return ['--endpoint', endpoint, '--region', REGION];
}

describe('an upload that was begun', () => {
  const sha256 = createHash('sha256').update(kit).digest('hex');
  const Key = `2030/targets/${sha256}.metal-dev-x86_64-kmod-kit-v1.0.0.tar.xz`;

  async function leave(UploadId: string, PartNumber: number, Body: Uint8Array): Promise<void> {
    const ChecksumSHA256 = createHash('sha256').update(Body).digest('base64');
    await s3.send(new UploadPartCommand({ Bucket: 'parts', Key, UploadId, PartNumber, Body, ChecksumSHA256 }));
  }

  test('gets the parts that it lacks, and the one that holds other bytes; not those that are there', async () => {
    const begin = new CreateMultipartUploadCommand({ Bucket: 'parts', Key, ChecksumAlgorithm: 'SHA256' });
    const { UploadId = '' } = await s3.send(begin);
    await leave(UploadId, 1, kit.subarray(0, PART_BYTES));
    await leave(UploadId, 2, Buffer.alloc(PART_BYTES, 'other'));
    await using front = await forward(ministack.url);
    await rig.ok('repo', 'publish', '--to', 's3://parts/2030', ...at(front.url));
    const sent = front.requests.flatMap((request) => /^PUT .*[?&]partNumber=(\d+)/.exec(request)?.[1] ?? []);
    expect(sent).toEqual(['2', '3']);
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'parts', Key }));
    expect(Buffer.compare((await Body?.transformToByteArray()) ?? Buffer.alloc(0), kit)).toBe(0);
  }, 60_000);
});

describe('a bucket', () => {
  test('goes on where a killed run was, with the parts that are there', async () => {
    const env = { XDG_CONFIG_HOME: join(rig.dir, '.config'), AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
    const killed = await rig.rig.makeWith({ env, killWhen: afterOnePart }, '--json', 'repo', 'publish', ...to, ...at());
    expect(killed.signal).toBe('SIGKILL');
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: 'updates' }));
    expect(Uploads).toHaveLength(1);
    const { Parts = [] } = await s3.send(
      new ListPartsCommand({ Bucket: 'updates', Key: Uploads[0]?.Key, UploadId: Uploads[0]?.UploadId }),
    );
    expect(Parts.length).toBeGreaterThan(0);
  }, 120_000);

  test('is written with checksums, the large file in parts, and its timestamp alone is short-lived', async () => {
    expect(await rig.ok('repo', 'publish', ...to, ...at())).toContain('Published, and read back.');
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
    expect(await rig.ok('repo', 'publish', ...to, ...at(), '--plan')).toContain(
      '0 objects to write (0 B), 13 are there already',
    );
    expect(await rig.result('repo', 'validate', ...base, ...at())).toMatchObject({
      repositories: [{ targets: 9, findings: 0 }],
    });
  });

  test('a timestamp that changed since the repository was made is not written over', async () => {
    await rig.ok('repo', 'refresh', ...base, ...at());
    const { Body } = await s3.send(new GetObjectCommand(timestamp));
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
    await s3.send(new PutObjectCommand({ ...timestamp, Body: Buffer.concat([bytes, Buffer.from('\n')]) }));
    expect(await rig.refusal('repo', 'publish', ...to, ...at())).toBe('1 tuf/interleaved');
    await s3.send(new PutObjectCommand({ ...timestamp, Body: bytes }));
    await rig.ok('repo', 'publish', ...to, ...at());
  });

  test('of two releasers at once, one is told to begin again', async () => {
    const dirs: string[] = [];
    for (const policy of ['default', 'other']) {
      await rig.rig.write({
        'other.yaml': 'targets-expiration: 4 weeks\nsnapshot-expiration: 4 weeks\ntimestamp-expiration: 3 weeks\n',
      });
      const file = policy === 'other' ? join(rig.dir, 'other.yaml') : policy;
      await rig.ok('repo', 'refresh', ...base, ...at(), '--expiration', file);
      const dir = `build/repos/bucket/releaser-${policy}`;
      cpSync(realpathSync(join(rig.dir, 'build/repos/bucket/latest')), join(rig.dir, dir), { recursive: true });
      dirs.push(dir);
    }
    const outcomes = await Promise.all(
      dirs.map((dir) => rig.refusal('repo', 'publish', '--from', dir, ...to, ...at())),
    );
    expect(outcomes.filter((outcome) => outcome === '0')).toHaveLength(1);
    expect(outcomes.filter((outcome) => /^1 tuf\/(interleaved|overwritten|not-read-back)$/.test(outcome))).toHaveLength(
      1,
    );
    expect(await rig.result('repo', 'validate', ...base, ...at())).toMatchObject({ repositories: [{ findings: 0 }] });
  });

  test('one that is not there is an error, and no new repository', async () => {
    expect(
      await rig.refusal('repo', 'create', ...fleet, '--base', 's3://nowhere/2030', '--new', '--replace', ...at()),
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
    await configure(`    publish: { ${where}, cloudfront: ${DistributionId} }\n`);
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
    await configure(`    publish: { ${where}, cloudfront: ENOSUCH }\n`);
    await rig.ok('repo', 'refresh', ...fleet);
    expect(await rig.refusal('repo', 'publish')).toBe('1 tuf/refused');
    await configure();
  });

  test('no private key is in the outputs or the store', () => {
    const secret = readFileSync(join(rig.dir, 'online.pem'), 'latin1').split('\n')[1] ?? '';
    expect(secret).toHaveLength(64);
    expect(existsSync(join(rig.dir, 'build'))).toBe(true);
    expect(rig.filesWith([secret], join(rig.dir, 'build'))).toEqual([]);
  });
});
