import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { Disks, PublishRig } from './rig/aws/publish-rig.ts';
import { Peers } from './rig/peers.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let disks: Disks;

beforeAll(async () => {
  disks = await Disks.create();
});

afterAll(async () => await disks[Symbol.asyncDispose]());

async function secureBoot(rig: PublishRig): Promise<void> {
  await rig.rig.write({
    'variants/aws-dev/variant.yaml':
      'arches: [x86_64]\npackages: [release]\nimage: { layout: { os: 1GiB }, features: { uefi-secure-boot: true } }\n',
  });
}

test('UEFI variables of a Secure Boot variant arrive as virt-firmware wrote them, and it reads them back', async () => {
  await using rig = await PublishRig.create(disks, 'aws:\n  regions: [eu-north-1]\n  nitro-tpm: true\n');
  await secureBoot(rig);
  const peers = await Peers.create();
  const dir = rig.dir;
  const run = async (...argv: string[]): Promise<string> => {
    const { status, output } = await peers.run(argv, { binds: [dir] });
    if (status !== 0) throw new Error(`${argv.join(' ')}:\n${output}`);
    return output;
  };
  const [key, cert, vars] = ['key.pem', 'cert.pem', 'vars.aws'].map((name) => join(dir, name));
  if (key === undefined || cert === undefined || vars === undefined)
    throw new TypeError('three names make three paths');
  await run(
    'openssl',
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
    '-subj',
    '/CN=Rig platform key',
    '-days',
    '1',
  );
  const guid = '11111111-2222-3333-4444-555555555555';
  await run(
    'virt-fw-vars',
    '--set-pk',
    guid,
    cert,
    '--add-kek',
    guid,
    cert,
    '--add-db',
    guid,
    cert,
    '--secure-boot',
    '--output-aws',
    vars,
  );

  await rig.ok('ami', 'create', '--uefi-data', vars);
  const [image] = rig.endpoint.world.images.values();
  expect(image?.facts).toMatchObject({ bootMode: 'uefi', tpmSupport: 'v2.0' });
  const back = join(dir, 'back.aws');
  writeFileSync(back, image?.uefiData ?? '');
  expect(await run('virt-fw-vars', '-i', back, '--print', '--verbose')).toContain('Rig platform key');
  expect(readFileSync(back, 'utf8')).toBe(readFileSync(vars, 'utf8').trim());
});

test('a Secure Boot variant without its keys is refused, and so is a data disk beside a unified plan', async () => {
  await using rig = await PublishRig.create(disks);
  await secureBoot(rig);
  const keyless = await rig.make('ami', 'plan');
  expect([keyless.status, keyless.stderr]).toEqual([1, expect.stringContaining('[aws/no-uefi-data]') as unknown]);
  await rig.build('1.2.3-abcd1234', disks.os, 'aws-one');
  const stray = await rig.make('ami', 'plan', '--variant', 'aws-one');
  expect([stray.status, stray.stderr]).toEqual([1, expect.stringContaining('[aws/stray-data-disk]') as unknown]);
  expect(rig.endpoint.calls).toEqual([]);
});
