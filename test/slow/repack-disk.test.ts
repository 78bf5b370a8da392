import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { Rig } from '../rig/rig.ts';
import { SandboxRig } from '../rig/sandbox-rig.ts';
import { tinyImage } from '../rig/tiny-image.ts';

const UNSIGNED = 'layout: { plan: unified, os: 1GiB }';
const SIGNED = 'layout: { plan: unified, os: 1GiB }, features: { uefi-secure-boot: true }';
const EXT4 = 'layout: { plan: split, os: 1GiB }, features: { erofs-root: false }';

// Whole disks are put together here.
vi.setConfig({ testTimeout: 600_000 });

let rig: Rig;
let tools: SandboxRig;

beforeAll(async () => {
  tools = await SandboxRig.create('image');
  const words = { 'variants/metal-ext/variant.yaml': `${manifest(EXT4)}kernel-parameters: [quiet, debug]\n` };
  const variants = { ...tinyImage('metal-tiny', UNSIGNED), ...tinyImage('metal-signed', SIGNED) };
  rig = await Rig.create({ ...variants, ...tinyImage('metal-ext', EXT4), ...words });
  for (const profile of ['local', 'other']) await rig.succeed('sbkeys', 'generate', '--profile', profile);
  for (const variant of ['metal-tiny', 'metal-signed', 'metal-ext']) {
    await rig.succeed('build', '--variant', variant);
    await rename(await realpath(images(variant)), given(variant));
  }
  await writeFile(join(rig.dir, 'ca.pem'), await readFile(join(rig.dir, 'sbkeys', 'local', 'db.crt')));
  await rig.succeed('root', 'init');
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFile(join(rig.dir, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const roles = ['root', 'targets', 'snapshot', 'timestamp'];
  await rig.succeed('root', 'add-key', '--key', `file:${join(rig.dir, 'key.pem')}`, '--role', ...roles);
  await rig.succeed('root', 'sign', '--key', `file:${join(rig.dir, 'key.pem')}`);
}, 600_000);

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await tools[Symbol.asyncDispose]();
});

function manifest(image: string): string {
  return `arches: [x86_64]\npackages: [base]\nimage: { ${image} }\n`;
}

function images(variant: string): string {
  return join(rig.dir, 'build', 'images', `x86_64-${variant}`, 'latest');
}

/** The image as it was built, as if it had been downloaded. */
function given(variant: string): string {
  return join(rig.dir, `given-${variant}`);
}

async function repack(variant: string, ...flags: readonly string[]) {
  return await rig.make('repack', '--variant', variant, '--from', given(variant), ...flags);
}

async function refusal(variant: string, ...flags: readonly string[]): Promise<string> {
  const { status, stderr } = await repack(variant, ...flags);
  expect(status).toBe(1);
  return stderr.replaceAll(rig.dir, '');
}

/** Digests, by what tells files of an image apart. */
async function sums(dir: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await readFile(join(dir, 'SHA256SUMS'), 'utf8')).trim().split('\n');
  return new Map(
    lines.map((line) => [/x86_64-1[^-]*-[^-.]+(?:-repacked)?(.*)$/.exec(line)?.[1] ?? line, line.slice(0, 64)]),
  );
}

/** What a script prints about the newest OS disk of a variant, which it finds as `disk`. */
async function look(variant: string, script: string): Promise<string> {
  const path = await realpath(join(images(variant), `slipway-${variant}-x86_64.img.lz4`));
  const profiles = Object.fromEntries(
    await Promise.all(
      ['local', 'other'].flatMap((profile) =>
        ['db', 'vendor'].map(async (name) => {
          const file = join(rig.dir, 'sbkeys', profile, `${name}.crt`);
          return [`/slipway/in/${profile}-${name}.crt`, await tools.store.putFile(file)] as const;
        }),
      ),
    ),
  );
  const inputs = { '/slipway/in/disk': await tools.store.putFile(path), ...profiles };
  const { result, task } = await tools.run({
    argv: ['bash', '-euc', `lz4 -d -q --sparse /slipway/in/disk disk\n${PREAMBLE}\n${script}`],
    inputs,
  });
  if (result.outcomes.get(task.id)?.type !== 'built') throw new Error(tools.lines.join('\n'));
  return tools.lines.join('\n');
}

const PREAMBLE = `
dd if=disk of=boot bs=1M skip=10 count=20 status=none
dd if=disk of=root bs=1M skip=30 count=460 conv=sparse status=none
dd if=disk of=verity bs=1M skip=490 count=5 status=none
debugfs -R 'dump /grub/grub.cfg grub.cfg' boot 2> /dev/null
checked() { veritysetup verify root verity "$(sed -nE 's/.* sha256 ([0-9a-f]{64}) .*/\\1/p' grub.cfg)" && echo verity holds; }`;

const ROOT = '.config/slipway/repositories/default/roots/1.root.json';
const CHANGES = ['--ca-bundle', 'ca.pem', '--update-root', ROOT, '--add-parameter', 'loud'];

function changes(): string[] {
  return CHANGES.map((flag) => (/\.(pem|json)$/.test(flag) ? join(rig.dir, flag) : flag));
}

describe('an image', () => {
  test('of which nothing is to change stays the same, bit by bit', async () => {
    expect(await repack('metal-tiny')).toMatchObject({ status: 0 });
    expect(await sums(images('metal-tiny'))).toEqual(await sums(given('metal-tiny')));
  });

  test('has other certificates, another update root and another kernel line, and its hash tree holds', async () => {
    expect(await repack('metal-tiny', ...changes())).toMatchObject({ status: 0 });
    const said = await look(
      'metal-tiny',
      `grep -o 'vmlinuz loud' grub.cfg; checked
top=/$(dump.erofs --ls --path=/ root | awk '{ print $NF }' | grep linux-gnu)/sys-root/usr
dump.erofs --cat --path=$top/share/factory/etc/pki/tls/certs/ca-bundle.crt root | sha256sum
sha256sum < /slipway/in/local-db.crt
dump.erofs --cat --path=$top/share/updog/root.json root | jq -r .signed._type
dump.erofs --cat --path=$top/lib/os-release root | head -1
dump.erofs --path=/ root | grep -o 'Access: 0[0-9]*'`,
    );
    const [line, holds, ours, theirs, type, release, mode] = said.split('\n');
    expect([line, holds, type, release, mode]).toEqual([
      'vmlinuz loud',
      'verity holds',
      'root',
      'ID=slipway',
      'Access: 0555',
    ]);
    expect(ours).toBe(theirs);
  });

  test('with a root of ext4 and a data disk is changed, too', async () => {
    expect(await repack('metal-ext', ...changes(), '--remove-parameter', 'quiet')).toMatchObject({ status: 0 });
    const said = await look(
      'metal-ext',
      `grep -o 'vmlinuz debug loud' grub.cfg; checked
top=/$(debugfs -R 'ls -p /' root 2> /dev/null | cut -d / -f 6 | grep linux-gnu)/sys-root/usr
debugfs -R "cat $top/share/factory/etc/pki/tls/certs/ca-bundle.crt" root 2> /dev/null | sha256sum
sha256sum < /slipway/in/local-db.crt
debugfs -R "stat $top/share/updog/root.json" root 2> /dev/null | grep -oE 'Mode: +0644|User: +0 '
e2fsck -fn root | tail -1`,
    );
    expect(said).toMatch(/^vmlinuz debug loud\nverity holds$/m);
    expect(said).toMatch(/Mode: +0644/);
    const [, , ours, theirs] = said.split('\n');
    expect(ours).toBe(theirs);
    expect([...(await sums(images('metal-ext'))).keys()]).toContain('-data.img.lz4');
  });
});

describe('a signed image', () => {
  test('is signed by other keys, of which its firmware then has to know', async () => {
    expect(await repack('metal-signed', '--sbkeys', 'other', '--add-parameter', 'quiet')).toMatchObject({ status: 0 });
    const said = await look(
      'metal-signed',
      `esp=disk@@5M; for f in bootx64 grubx64; do mcopy -i $esp ::EFI/BOOT/$f.efi .; done
debugfs -R 'dump /vmlinuz vmlinuz' boot 2> /dev/null
for profile in local other; do
  for pair in db:bootx64.efi vendor:grubx64.efi vendor:vmlinuz; do
    sbverify --cert /slipway/in/$profile-\${pair%:*}.crt \${pair#*:} 2>&1 | tail -1 | sed "s/^/$profile /" || true
  done
done
checked`,
    );
    expect(said.match(/^other Signature verification OK$/gm)).toHaveLength(3);
    expect(said.match(/^local Signature verification failed$/gm)).toHaveLength(3);
    expect(said).toContain('verity holds');
  });

  test('is the same when its signatures were made later', async () => {
    const flags = ['--sbkeys', 'other', '--ca-bundle', join(rig.dir, 'ca.pem')];
    await repack('metal-signed', ...flags);
    const now = await sums(images('metal-signed'));
    const folder = await mkdtemp(join(rig.dir, 'request-'));
    expect(await repack('metal-signed', ...flags, '--sign-later', folder)).toMatchObject({ status: 0 });
    expect(await rig.make('sign', folder, '--sbkeys', 'other')).toMatchObject({ status: 0 });
    expect(await repack('metal-signed', ...flags, '--signatures', folder)).toMatchObject({ status: 0 });
    expect(await sums(images('metal-signed'))).toEqual(now);
  });
});

/** What is said of an image by another manifest than it was built by. */
async function refusalAs(variant: string, image: string): Promise<string> {
  const file = join(rig.dir, 'variants', variant, 'variant.yaml');
  const before = await readFile(file, 'utf8');
  await writeFile(file, manifest(image));
  try {
    return await refusal(variant);
  } finally {
    await writeFile(file, before);
  }
}

describe('what cannot be repacked', () => {
  test('an image of another layout is refused, partition by partition', async () => {
    const said = await refusalAs('metal-tiny', UNSIGNED.replace('1GiB', '2GiB'));
    expect(said).toContain(
      'expected partition 3 of the os disk to be SLIPWAY-BOOT-A, type 6b636168-7420-6568-2070-6c616e657421, 40 MiB at 10 MiB, got SLIPWAY-BOOT-A, type 6b636168-7420-6568-2070-6c616e657421, 20 MiB at 10 MiB  [image/other-layout]',
    );
    expect(said).toContain('Set image.layout and image.features of variant.yaml as they were');
  });

  test('an image without a chain to sign is not taken for one that has it, or the other way round', async () => {
    const signed = await refusalAs('metal-tiny', SIGNED);
    expect(signed).toMatch(
      /variants\/metal-tiny\/variant.yaml:3:\d+: error: Cannot repack .* got one whose chain is not signed/,
    );
    expect(await refusalAs('metal-signed', UNSIGNED)).toContain('got one whose chain is signed  [image/other-layout]');
  });

  test('a bundle that is none, and one with a certificate that is none, are refused by line', async () => {
    await writeFile(join(rig.dir, 'none.pem'), 'hello\n');
    expect(await refusal('metal-tiny', '--ca-bundle', join(rig.dir, 'none.pem'))).toContain('[image/not-certificates]');
    const bundle = await readFile(join(rig.dir, 'ca.pem'), 'utf8');
    const broken = `${bundle}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`;
    await writeFile(join(rig.dir, 'half.pem'), broken);
    const line = bundle.split('\n').length;
    expect(await refusal('metal-tiny', '--ca-bundle', join(rig.dir, 'half.pem'))).toContain(
      `/half.pem:${line}:1: error:`,
    );
    await writeFile(join(rig.dir, 'cut.pem'), bundle.replace(/-----END CERTIFICATE-----\s*$/, ''));
    const both = ['--ca-bundle', join(rig.dir, 'cut.pem'), '--update-root', join(rig.dir, 'ca.pem')];
    const told = await refusal('metal-tiny', ...both);
    expect(told).toContain('/cut.pem:1:1: error:');
    expect(told).toContain('[tuf/');
    expect(await refusal('metal-ext', '--remove-parameter', 'loud')).toContain(
      'Cannot remove kernel parameter "loud": the image has quiet debug  [image/no-parameter]',
    );
  });

  test('a folder without the image, and one whose disk was changed, are named', async () => {
    const empty = join(rig.dir, 'empty');
    await mkdir(empty);
    const said = await rig.make('repack', '--variant', 'metal-tiny', '--from', empty);
    expect(said.stderr).toContain('expected one image slipway-metal-tiny-x86_64-<version>-<build>.img.lz4 in');
    const changed = join(rig.dir, 'changed');
    await cp(given('metal-tiny'), changed, { recursive: true });
    const [name = ''] = (await readdir(changed)).filter((file) => /-1[^-]*-[^-]+\.img\.lz4$/.test(file));
    const file = await tools.store.putFile(join(given('metal-tiny'), name));
    const { result, task } = await tools.run({
      argv: [
        'bash',
        '-euc',
        'lz4 -dq /slipway/in/disk disk; printf x | dd of=disk bs=1 seek=$((30 * 1048576 + 1200)) conv=notrunc status=none; lz4 -q disk /slipway/out/disk',
      ],
      inputs: { '/slipway/in/disk': file },
      outputs: { type: 'named', names: { disk: 'file' } },
    });
    await rm(join(changed, name));
    await cp(tools.store.pathOf(result.output(task, 'disk')), join(changed, name));
    const refused = await rig.make('repack', '--variant', 'metal-tiny', '--from', changed);
    expect(refused.stderr).toContain('Verification of root hash failed');
  });
});
