import { chmod, copyFile, cp, mkdir, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import type { KeySpec } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import type { Output } from '../tools/graph/task.ts';
import { Peers } from './rig/peers.ts';
import type { PeerServer } from './rig/peers.ts';
import { Rig } from './rig/rig.ts';
import { SandboxRig } from './rig/sandbox-rig.ts';
import { tinyImage } from './rig/tiny-image.ts';

/** Secure Boot keys that others keep: two in a KMS (ministack), one in a token (SoftHSM). */
vi.setConfig({ testTimeout: 600_000 });

const REGION = 'eu-north-1';
const VARIANT = 'metal-kept';

let rig: Rig;
let peers: Peers;
let tools: SandboxRig;
let kms: PeerServer;
let env: Readonly<Record<string, string>>;
let ids: readonly string[];

beforeAll(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  [peers, tools] = await Promise.all([Peers.create(), SandboxRig.create('image')]);
  kms = await peers.startMinistack();
  rig = await Rig.create(
    tinyImage(VARIANT, 'layout: { plan: unified, os: 1GiB }, features: { uefi-secure-boot: true }'),
  );
  await makeToken();
  const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_EC2_METADATA_DISABLED: 'true' };
  env = { ...credentials, SOFTHSM2_CONF: join(rig.dir, 'softhsm.conf') };
  ids = [await kmsKey('RSA_2048'), await kmsKey('RSA_2048')];
  await writeFile(join(rig.dir, 'keys.yaml'), keysFile());
  const made = await make('sbkeys', 'generate', '--profile', 'kept', '--keys', join(rig.dir, 'keys.yaml'));
  if (made.status !== 0) throw new Error(made.stderr);
}, 600_000);

afterAll(async () => {
  vi.unstubAllEnvs();
  await kms[Symbol.asyncDispose]();
  await tools[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

async function make(...argv: readonly string[]) {
  return await rig.makeWith({ env }, ...argv);
}

async function kmsKey(spec: KeySpec, region = REGION): Promise<string> {
  const client = new KMSClient({ region, endpoint: kms.url });
  const { KeyMetadata } = await client.send(new CreateKeyCommand({ KeySpec: spec, KeyUsage: 'SIGN_VERIFY' }));
  return KeyMetadata?.KeyId ?? '';
}

async function makeToken(): Promise<void> {
  const conf = join(rig.dir, 'softhsm.conf');
  await mkdir(join(rig.dir, 'tokens'));
  await rig.write({ 'softhsm.conf': `directories.tokendir = ${join(rig.dir, 'tokens')}\n`, pin: '2468\n' });
  const inside = { binds: [rig.dir], env: { SOFTHSM2_CONF: conf } };
  const login = ['--token-label', 'office', '--login', '--pin', '2468'];
  const module = ['--module', '/usr/lib/softhsm/libsofthsm2.so'];
  for (const argv of [
    ['softhsm2-util', '--init-token', '--free', '--label', 'office', '--so-pin', '1357', '--pin', '2468'],
    ['pkcs11-tool', ...module, ...login, '--keypairgen', '--key-type', 'rsa:2048', '--label', 'config', '--id', '01'],
  ])
    expect(await peers.run(argv, inside)).toMatchObject({ status: 0 });
}

interface Keys {
  readonly shim?: string;
  readonly region?: string;
}

/** Paths are relative to the profile. */
function keysFile({ shim = ids[0], region = REGION }: Keys = {}): string {
  const kmsAt = (id = '', where = REGION): string =>
    `{ kms: { key-id: "${id}", region: ${where}, endpoint: "${kms.url}" } }`;
  const module = peers.path('usr/lib/softhsm/libsofthsm2.so');
  return `shim-sign: ${kmsAt(shim, region)}
code-sign: ${kmsAt(ids[1])}
config-sign: { pkcs11: { module: "${module}", token: office, label: config, pin-file: ../../pin } }
`;
}

/** What `sbkeys check` says of a copy of the profile that `spoil` has been at. */
async function complaint(name: string, spoil: (dir: string) => Promise<void>): Promise<string> {
  const dir = join(rig.dir, 'sbkeys', name);
  await cp(join(rig.dir, 'sbkeys', 'kept'), dir, { recursive: true });
  await spoil(dir);
  const { status, stderr } = await make('sbkeys', 'check', '--profile', name);
  expect(status).toBe(1);
  return stderr;
}

describe('a profile whose keys others keep', () => {
  test('holds none, is found sound, and signs a chain that independent programs verify', async () => {
    const dir = join(rig.dir, 'sbkeys', 'kept');
    expect((await readdir(dir)).filter((file) => file.endsWith('.key'))).toEqual([]);
    expect((await make('sbkeys', 'check', '--profile', 'kept')).stdout).toContain('"kept" is sound; its keys are kept');
    expect(await make('build', '--variant', VARIANT, '--sbkeys', 'kept')).toMatchObject({ status: 0 });
    const disk = join(rig.dir, 'build/images', `x86_64-${VARIANT}/latest/slipway-${VARIANT}-x86_64.img.lz4`);
    const files = { disk: await realpath(disk), ...own(dir, ['db.crt', 'vendor.crt', 'config-sign.pgp']) };
    const inputs: Record<string, Output> = {};
    for (const [name, path] of Object.entries(files)) inputs[`/slipway/in/${name}`] = await tools.store.putFile(path);
    const { result, task } = await tools.run({ argv: ['bash', '-euc', VERIFY], inputs });
    expect(result.outcomes.get(task.id)?.type).toBe('built');
    const said = tools.lines.join('\n');
    expect(said.match(/Signature verification OK/g)).toHaveLength(3);
    expect(said).toContain('Good signature from "Slipway OS config-sign"');
  });

  test('signs a kernel module that OpenSSL verifies by the authority shim knows', async () => {
    const module = Buffer.alloc(4096, 'module');
    module.write('\u007FELF', 'latin1');
    module.writeUInt16LE(1, 16);
    await writeFile(join(rig.dir, 'some.ko'), module);
    await writeFile(join(rig.dir, 'some.ko.xz'), 'compressed');
    expect(await make('sbkeys', 'sign-module', '--profile', 'kept', join(rig.dir, 'some.ko'))).toMatchObject({
      status: 0,
    });
    const signed = await readFile(join(rig.dir, 'some.ko'));
    const length = signed.readUInt32BE(signed.length - 28 - 4);
    expect(signed.subarray(-40, -32)).toEqual(Buffer.of(0, 0, 2, 0, 0, 0, 0, 0));
    expect(signed.subarray(-28).toString()).toBe('~Module signature appended~\n');
    expect(signed.subarray(0, 4096).equals(module)).toBe(true);
    expect(signed.length).toBe(4096 + length + 40);
    const message = tools.store.putBytes(signed.subarray(4096, 4096 + length));
    const vendor = await tools.store.putFile(join(rig.dir, 'sbkeys', 'kept', 'vendor.crt'));
    const inputs = {
      '/slipway/in/message': message,
      '/slipway/in/module': tools.store.putBytes(module),
      '/slipway/in/vendor': vendor,
    };
    await tools.run({
      argv: [
        'bash',
        '-euc',
        `cms() { openssl cms -verify -binary -inform DER -in /slipway/in/message -content "$1" -CAfile /slipway/in/vendor -purpose any -out /dev/null 2>&1; }
cms /slipway/in/module; sed 's/module/modul3/' /slipway/in/module > other; cms other || true
openssl asn1parse -inform DER -in /slipway/in/message | grep -c 'cont \\[ 0 \\]'`,
      ],
      inputs,
    });
    expect(tools.lines[0]).toBe('CMS Verification successful');
    expect(tools.lines[1]).toBe('CMS Verification failure');
    // The content, the certificate, and its version; signed attributes, which a kernel refuses, would be one more.
    expect(tools.lines.at(-1)).toBe('3');
    const again = await make('sbkeys', 'sign-module', '--profile', 'kept', join(rig.dir, 'some.ko'));
    expect(again.status).toBe(0);
    expect((await readFile(join(rig.dir, 'some.ko'))).equals(signed)).toBe(true);
    const refused = await make('sbkeys', 'sign-module', '--profile', 'kept', join(rig.dir, 'some.ko.xz'));
    expect(refused.stderr).toContain('expected a kernel module (relocatable ELF)  [secure-boot/not-a-module]');
  });

  test('names the line of a key that is in another region, or is not that of its certificate', async () => {
    const elsewhere = await complaint('region', async (dir) => {
      const arn = `arn:aws:kms:eu-west-1:000000000000:key/${ids[0]}`;
      await writeFile(join(dir, 'keys.yaml'), keysFile({ shim: arn }));
    });
    expect(elsewhere).toMatch(
      /sbkeys\/region\/keys.yaml:1:\d+: error: Cannot open key "aws-kms:arn.*": it is in region eu-west-1, and region says eu-north-1 {2}\[keys\/other-region\]/,
    );
    const mismatch = await complaint('mismatch', async (dir) => {
      await writeFile(join(dir, 'keys.yaml'), keysFile({ shim: await kmsKey('RSA_2048') }));
    });
    expect(mismatch).toMatch(/mismatch\/keys.yaml:1:\d+: error: .*it is not the key of shim-sign.crt/);
    const curve = await complaint('curve', async (dir) => {
      await writeFile(join(dir, 'keys.yaml'), keysFile({ shim: await kmsKey('ECC_NIST_P256') }));
    });
    expect(curve).toMatch(/curve\/keys.yaml:1:\d+: error: .*expected an RSA key, got ec {2}\[secure-boot\/not-rsa\]/);
    const missing = await complaint('missing', async (dir) => {
      await writeFile(join(dir, 'keys.yaml'), keysFile({ shim: 'no-such-key' }));
    });
    expect(missing).toMatch(
      /missing\/keys.yaml:1:\d+: error: Cannot open key "aws-kms:no-such-key" in region eu-north-1/,
    );
    expect(missing).toContain('Each region has keys of its own');
  });

  test('of which half is missing, or that has keys twice, says which', async () => {
    const half = await complaint('half', async (dir) => {
      const text = await readFile(join(dir, 'keys.yaml'), 'utf8');
      await writeFile(join(dir, 'keys.yaml'), text.replace(/^code-sign.*\n/m, ''));
    });
    expect(half).toMatch(/half\/keys.yaml:\d+:\d+: error: Cannot read "code-sign"/);
    const lacks = await complaint('lacks', async (dir) => await rm(join(dir, 'vendor.crt')));
    expect(lacks).toContain('vendor.crt is missing  [secure-boot/half-a-profile]');
    await rig.succeed('sbkeys', 'generate');
    const twice = await complaint('twice', async (dir) => {
      await copyFile(join(rig.dir, 'sbkeys', 'local', 'code-sign.key'), join(dir, 'code-sign.key'));
      await chmod(join(dir, 'code-sign.key'), 0o600);
    });
    expect(twice).toContain('code-sign.key is there, too  [secure-boot/two-homes]');
  });
});

function own(dir: string, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, join(dir, name)]));
}

const VERIFY = `lz4 -d -q --sparse /slipway/in/disk disk; esp=disk@@5M
for f in bootx64.efi grubx64.efi; do mcopy -i $esp ::EFI/BOOT/$f .; done
dd if=disk of=boot bs=1M skip=10 count=20 status=none
for f in vmlinuz grub/grub.cfg grub/grub.cfg.sig; do debugfs -R "dump /$f $(basename $f)" boot 2> /dev/null; done
sbverify --cert /slipway/in/db.crt bootx64.efi; for f in grubx64.efi vmlinuz; do sbverify --cert /slipway/in/vendor.crt $f; done
gpgv --keyring /slipway/in/config-sign.pgp grub.cfg.sig grub.cfg 2>&1`;
