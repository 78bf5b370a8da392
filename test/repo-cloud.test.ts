import { generateKeyPairSync } from 'node:crypto';
import { cpSync, existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import type { KeySpec } from '@aws-sdk/client-kms';
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import type { PeerServer } from './rig/peers.ts';
import { UpdateRig } from './rig/update-rig.ts';

/** Keys that are kept by others (KMS by ministack, SSM by moto, a token by SoftHSM), and a bucket of ministack. */
let rig: UpdateRig;
let ministack: PeerServer;
let moto: PeerServer;
let s3: S3Client;

const REGION = 'eu-north-1';
const fleet = ['--variant', 'metal-dev'];

beforeAll(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test-secret-that-no-log-may-hold');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  rig = await UpdateRig.create();
  [ministack, moto] = await Promise.all([rig.peers.startMinistack(), rig.peers.startMoto()]);
  s3 = new S3Client({ region: REGION, endpoint: ministack.url, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: 'updates' }));
  await rig.build({ version: '1.0.0' });
}, 600_000);

afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([ministack, moto].map((server) => server[Symbol.asyncDispose]()));
  await rig[Symbol.asyncDispose]();
});

async function kmsKey(spec: KeySpec): Promise<string> {
  const kms = new KMSClient({ region: REGION, endpoint: ministack.url });
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({ KeySpec: spec, KeyUsage: 'SIGN_VERIFY' }));
  return KeyMetadata?.KeyId ?? '';
}

/** A root that trusts one key for everything, made by our verbs; `where`: the key as a command line names it. */
async function trust(where: string): Promise<void> {
  await rig.ok('root', 'init');
  await rig.ok('root', 'add-key', '--key', where, '--role', 'root', 'targets', 'snapshot', 'timestamp');
  await rig.ok('root', 'sign', '--key', where);
}

async function infra(repo: string, lines: string): Promise<void> {
  await rig.rig.write({ 'Infra.yaml': `repo:\n  ${repo}:\n    signing-keys: ${lines}\n` });
}

/** An event that tells of more than one part of an upload. */
function afterOnePart(line: string): boolean {
  return line.includes('"type":"task-progress"') && Number(/"done":(\d+)/.exec(line)?.[1]) > 16 << 20;
}

function at(): string[] {
  return ['--endpoint', ministack.url, '--region', REGION];
}

describe('keys that are kept elsewhere', () => {
  test.each(['RSA_3072', 'ECC_NIST_P256'] as const)('a key of KMS (%s) signs root and repository', async (spec) => {
    const id = await kmsKey(spec);
    await infra(
      `kms-${spec.toLowerCase().replaceAll('_', '-')}`,
      `{ kms: { key-id: ${id}, region: ${REGION}, endpoint: "${ministack.url}" } }`,
    );
    await trust(`aws-kms:${id}?region=${REGION}&endpoint=${ministack.url}`);
    expect(await rig.ok('repo', 'create', ...fleet)).toContain('a new repository');
  });

  test('a PEM in a SecureString signs; one that is kept in the clear is refused', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const Value = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const ssm = new SSMClient({ region: REGION, endpoint: moto.url });
    await ssm.send(new PutParameterCommand({ Name: '/acme/key', Value, Type: 'SecureString' }));
    await ssm.send(new PutParameterCommand({ Name: '/acme/clear', Value, Type: 'String' }));
    await infra('ssm', `{ ssm: { parameter: /acme/key, region: ${REGION}, endpoint: "${moto.url}" } }`);
    await trust(`aws-ssm:/acme/key?region=${REGION}&endpoint=${moto.url}`);
    await rig.ok('repo', 'create', ...fleet);
    await infra('ssm', `{ ssm: { parameter: /acme/clear, region: ${REGION}, endpoint: "${moto.url}" } }`);
    expect(await rig.refusal('repo', 'create', ...fleet, '--replace')).toBe('1 tuf/not-a-key');
  });

  test('a service that refuses is quoted, and no repository is left', async () => {
    await infra('ssm', `{ kms: { key-id: no-such-key, region: ${REGION}, endpoint: "${ministack.url}" } }`);
    const { status, stderr } = await rig.make('repo', 'create', ...fleet, '--replace');
    expect(status).toBe(1);
    expect(stderr).toContain('NotFoundException');
  });

  test.each([
    ['rsa', 'rsa:2048'],
    ['p256', 'EC:prime256v1'],
  ])('a key pair in a token signs: %s', async (name, type) => {
    const tokens = join(rig.dir, `tokens-${name}`);
    const conf = join(rig.dir, `softhsm-${name}.conf`);
    await rig.rig.write({
      [`tokens-${name}/.keep`]: '',
      [`softhsm-${name}.conf`]: `directories.tokendir = ${tokens}\n`,
      pin: '2468\n',
    });
    const module = rig.peers.path('usr/lib/softhsm/libsofthsm2.so');
    const inside = { binds: [rig.dir], env: { SOFTHSM2_CONF: conf } };
    const inner = '/usr/lib/softhsm/libsofthsm2.so';
    expect(
      await rig.peers.run(
        ['softhsm2-util', '--init-token', '--free', '--label', 'ceremony', '--so-pin', '1357', '--pin', '2468'],
        inside,
      ),
    ).toMatchObject({ status: 0 });
    const make = [
      'pkcs11-tool',
      '--module',
      inner,
      '--token-label',
      'ceremony',
      '--login',
      '--pin',
      '2468',
      '--keypairgen',
      '--key-type',
      type,
      '--label',
      'root',
      '--id',
      '01',
    ];
    expect(await rig.peers.run(make, inside)).toMatchObject({ status: 0 });
    rig.environment = { SOFTHSM2_CONF: conf };
    await infra(`token-${name}`, `{ pkcs11: { module: "${module}", token: ceremony, label: root, pin-file: pin } }`);
    await trust(`pkcs11:token=ceremony;object=root?module-path=${module}&pin-source=file:pin`);
    await rig.ok('repo', 'create', ...fleet);
    await rig.rig.write({ pin: '1111\n' });
    expect(await rig.refusal('repo', 'create', ...fleet, '--replace')).toBe('1 keys/service');
  });
});

describe('a bucket', () => {
  const to = ['--to', 's3://updates/2030'];
  const base = [...fleet, '--base', 's3://updates/2030'];
  const timestamp = { Bucket: 'updates', Key: '2030/metal-dev/x86_64/timestamp.json' };

  beforeAll(async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(join(rig.dir, 'online.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    await infra('bucket', '{ file: { path: online.pem } }');
    await trust('file:online.pem');
    await rig.build({ version: '1.0.0', imageBytes: 4096 });
    // Larger than goes up in one piece, and not a whole number of parts.
    const large = join(
      rig.dir,
      'build/images/x86_64-metal-dev/latest/slipway-metal-dev-x86_64-1.0.0-abcd1234-kmod-kit.tar.xz',
    );
    await rig.rewrite(large, Buffer.alloc((40 << 20) + 12_345, 'kit '));
    await rig.ok('repo', 'create', ...fleet);
  }, 60_000);

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

  test('no private key is in the outputs or the store', () => {
    const secret = readFileSync(join(rig.dir, 'online.pem'), 'latin1').split('\n')[1] ?? '';
    expect(secret).toHaveLength(64);
    expect(existsSync(join(rig.dir, 'build'))).toBe(true);
    expect(rig.filesWith(secret, join(rig.dir, 'build'))).toEqual([]);
  });
});
