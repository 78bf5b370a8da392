import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';

import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import type { KeySpec } from '@aws-sdk/client-kms';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import type { PeerServer } from './rig/peers.ts';
import { UpdateRig } from './rig/update-rig.ts';

/** Keys that are kept by others: KMS by ministack, SSM by moto, a token by SoftHSM. */
let rig: UpdateRig;
let ministack: PeerServer;
let moto: PeerServer;

const REGION = 'eu-north-1';
const fleet = ['--variant', 'metal-dev'];

beforeAll(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test-secret-that-no-log-may-hold');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  rig = await UpdateRig.create();
  [ministack, moto] = await Promise.all([rig.peers.startMinistack(), rig.peers.startMoto()]);
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
