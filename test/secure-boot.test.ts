import { chmod, copyFile, cp, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { BuildError, BuildErrors } from '../tools/errors.ts';
import { readProfile } from '../tools/secure-boot/read-profile.ts';
import { Rig, type Finished } from './rig/rig.ts';
import { SandboxRig } from './rig/sandbox-rig.ts';
import { tinyImage } from './rig/tiny-image.ts';

const CHECKOUT_FILES = tinyImage(
  'metal-tiny',
  'layout: { plan: unified, os: 1GiB }, features: { uefi-secure-boot: true }',
);

let rig: Rig;
let tools: SandboxRig;

beforeAll(async () => {
  tools = await SandboxRig.create('image');
  rig = await Rig.create(CHECKOUT_FILES);
  for (const profile of ['local', 'other']) {
    await rig.succeed('sbkeys', 'generate', '--profile', profile);
  }
}, 600_000);

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await tools[Symbol.asyncDispose]();
});

function image(): string {
  return join(rig.dir, 'build', 'images', 'x86_64-metal-tiny', 'latest');
}

/** What `script` prints about files, which it finds below /slipway/in. */
async function look(files: Readonly<Record<string, string>>, script: string): Promise<string[]> {
  const inputs = Object.fromEntries(
    await Promise.all(
      Object.entries(files).map(
        async ([name, path]) => [`/slipway/in/${name}`, await tools.store.putFile(await realpath(path))] as const,
      ),
    ),
  );
  const { result, task } = await tools.run({ argv: ['bash', '-euc', script], inputs });
  if (result.outcomes.get(task.id)?.type !== 'built') throw new Error(tools.lines.join('\n'));
  return [...tools.lines];
}

const CERTIFICATES = ['db.crt', 'vendor.crt', 'config-sign.pgp'];

describe('a signed image', () => {
  let built: Finished;

  beforeAll(async () => {
    built = await rig.make('build', '--variant', 'metal-tiny');
  }, 600_000);

  test('holds a chain that independent programs verify', async () => {
    expect(built).toMatchObject({ status: 0 });
    const profile = Object.fromEntries(CERTIFICATES.map((file) => [file, join(rig.dir, 'sbkeys', 'local', file)]));
    const files = { disk: join(image(), 'slipway-metal-tiny-x86_64.img.lz4'), ...profile };
    const lines = await look(
      files,
      `lz4 -d -q --sparse /slipway/in/disk disk
esp=disk@@5M
mdir -b -i $esp ::EFI/BOOT
for f in bootx64.efi grubx64.efi db.cer; do mcopy -i $esp ::EFI/BOOT/$f .; done
dd if=disk of=boot bs=1M skip=10 count=20 status=none
for f in vmlinuz grub/grub.cfg grub/grub.cfg.sig; do debugfs -R "dump /$f $(basename $f)" boot 2> /dev/null; done
verify() { sbverify --cert /slipway/in/$1.crt $2 2>&1 | sed "s/^/$1 $2: /" || true; }
verify db bootx64.efi; verify vendor grubx64.efi; verify vendor vmlinuz; verify db vmlinuz; verify vendor bootx64.efi
gpgv --keyring /slipway/in/config-sign.pgp grub.cfg.sig grub.cfg 2>&1
sed -i 's/timeout=0/timeout=1/' grub.cfg; gpgv --keyring /slipway/in/config-sign.pgp grub.cfg.sig grub.cfg 2>&1 || true
[ "$(openssl x509 -in /slipway/in/db.crt -outform DER | sha256sum)" = "$(sha256sum < db.cer)" ] && echo same certificate`,
    );
    const text = lines.join('\n');
    expect(text).toContain('db bootx64.efi: Signature verification OK');
    expect(text).toContain('vendor grubx64.efi: Signature verification OK');
    expect(text).toContain('vendor vmlinuz: Signature verification OK');
    expect(text).toContain('db vmlinuz: Signature verification failed');
    expect(text).toContain('vendor bootx64.efi: Signature verification failed');
    expect(text.match(/Good signature from "Slipway OS config-sign"/g)).toHaveLength(1);
    expect(text).toContain('BAD signature');
    expect(text).toContain('same certificate');
  });

  test('has a signature that pesigcheck finds valid by the certificate of its signer, and by no other', async () => {
    const profile = join(rig.dir, 'sbkeys', 'local');
    const lines = await look(
      {
        disk: join(image(), 'slipway-metal-tiny-x86_64.img.lz4'),
        code: join(profile, 'code-sign.crt'),
        shim: join(profile, 'shim-sign.crt'),
      },
      `lz4 -d -q --sparse /slipway/in/disk disk; mcopy -i disk@@5M ::EFI/BOOT/grubx64.efi .
for name in code shim; do
  openssl x509 -in /slipway/in/$name -outform DER -out $name.cer
  pesigcheck -n 1 -i grubx64.efi -c $name.cer 2>&1 || true
done`,
    );
    expect(lines.filter((line) => line.includes('grubx64.efi'))).toEqual([
      'pesigcheck: "grubx64.efi" is valid.',
      'pesigcheck: "grubx64.efi" is invalid.',
    ]);
  });

  test('is the same, bit by bit, when its signatures were made in another building', async () => {
    const folder = await mkdtemp(join(rig.dir, 'request-'));
    const elsewhere = await mkdtemp(join(rig.dir, 'vault-'));
    const sums = await readFile(join(image(), 'SHA256SUMS'), 'utf8');
    await cp(join(rig.dir, 'sbkeys', 'local'), join(elsewhere, 'sbkeys', 'local'), { recursive: true });
    await cp(join(rig.dir, 'Release.yaml'), join(elsewhere, 'Release.yaml'));
    await keepKeys(async () => {
      const refused = await rig.make('build', '--variant', 'metal-tiny');
      expect(refused.stderr).toContain('has no private key  [secure-boot/no-key]');
      expect(await rig.make('build', '--variant', 'metal-tiny', '--sign-later', folder)).toMatchObject({ status: 0 });
      const early = await rig.make('sign', '--from', folder, '--variant', 'metal-tiny');
      expect(early.stderr.match(/\[secure-boot\/no-signature\]/g)).toHaveLength(4);
      expect(await rig.make('-C', elsewhere, 'sign', folder)).toMatchObject({ status: 0 });
      await rm(join(rig.dir, 'build'), { recursive: true });
      expect(await rig.make('sign', '--from', folder, '--variant', 'metal-tiny')).toMatchObject({ status: 0 });
    });
    expect(await readFile(join(image(), 'SHA256SUMS'), 'utf8')).toBe(sums);
    await writeFile(join(folder, 'vmlinuz.sig'), await readFile(join(folder, 'grubx64.efi.sig')));
    const forged = await rig.make('sign', '--from', folder, '--variant', 'metal-tiny');
    expect(forged.stderr).toContain(
      'Cannot use the signature of vmlinuz: it is not one by code-sign of profile "local"',
    );
    const foreign = await rig.make('sign', folder, '--sbkeys', 'other');
    expect(foreign.stderr.match(/\[secure-boot\/other-profile\]/g)).toHaveLength(4);
  });

  test('is planned and explained to its end, and no private key is asked for it', async () => {
    await keepKeys(async () => {
      const plan = await rig.make('plan', '--variant', 'metal-tiny');
      expect(plan.stdout).toMatch(/^0 tasks run, 0 may run, \d+ have nothing to do$/m);
      for (const task of ['signed-vmlinuz', 'esp', 'boot', 'disk']) {
        const { stdout } = await rig.make('explain', `${task}/metal-tiny.x86_64`);
        expect(stdout).toContain(`${task}/metal-tiny.x86_64 (`);
        expect(stdout).toContain('has nothing to do');
      }
    });
  });

  test('is planned for other keys as what these would sign, and what follows from it', async () => {
    const { stdout } = await rig.make('plan', '--variant', 'metal-tiny', '--sbkeys', 'other');
    expect(stdout).toMatch(/^runs +signed-vmlinuz\/metal-tiny.x86_64 +changed: material$/m);
    expect(stdout).toMatch(/^runs +shim\/metal-tiny.x86_64 +changed: material$/m);
    expect(stdout).toMatch(
      /^maybe +signed-shimx64.efi\/metal-tiny.x86_64 +depends on what shim\/metal-tiny.x86_64 gives$/m,
    );
    expect(stdout).toMatch(/^maybe +disk\/metal-tiny.x86_64 +depends on what /m);
    expect(stdout).not.toContain('root/metal-tiny');
  });

  test('of which nobody has the keys is planned as far as no signature reaches, and that is said', async () => {
    const { status, stdout, stderr } = await rig.make(
      'plan',
      '--variant',
      'metal-tiny',
      '--sbkeys',
      'nobody',
      '--fresh',
    );
    expect(status).toBe(0);
    expect(stdout).toContain('boot-files/metal-tiny.x86_64');
    expect(stdout).not.toContain('disk/metal-tiny.x86_64');
    expect(stderr).toContain('There are no Secure Boot keys "nobody"');
  });

  test('leaves no private key in the store, in a log or on a command line', async () => {
    const key = await readFile(join(rig.dir, 'sbkeys', 'local', 'code-sign.key'), 'utf8');
    const line = key.split('\n')[5] ?? '';
    expect(line.length).toBe(64);
    const { stdout } = await rig.make('--json', 'build', '--variant', 'metal-tiny');
    expect(stdout).not.toContain(line);
    expect(stdout).not.toContain('PRIVATE KEY');
  });
});

/** Lines of PCRs, and which they are of, as they are when it boots from bank A. */
async function pcrsOf(...flags: readonly string[]): Promise<readonly RegExpExecArray[]> {
  const { stdout } = await rig.make('pcrs', '--variant', 'metal-tiny', '--hash', 'sha1', ...flags);
  const [bankA = ''] = stdout.split('BOOT-B');
  return [...bankA.matchAll(/^ {2}PCR (\d+) +([0-9a-f]{40})$/gm)];
}

describe('predicted PCRs', () => {
  beforeAll(async () => {
    await rig.succeed('build', '--variant', 'metal-tiny');
  }, 600_000);

  test('of a signed image are of firmware that has its keys, for either bank, and tell what goes into them', async () => {
    const { status, stdout } = await rig.make('pcrs', '--variant', 'metal-tiny', '--events');
    expect(status).toBe(0);
    expect(stdout).toContain('Firmware with Secure Boot, and the keys "local"');
    for (const bank of ['BOOT-A', 'BOOT-B'])
      expect(stdout).toMatch(new RegExp(`^Booted from ${bank} \\([0-9a-f-]{36}\\):$`, 'm'));
    expect(stdout).toMatch(/^ {2}PCR 11 {2}0{64}$/m);
    const [, events = ''] = /^ {2}PCR 14 {2}[0-9a-f]{64}\n([^]*?)^Booted/m.exec(stdout) ?? [];
    const settled = events.replaceAll(/[0-9a-f]{64}|[0-9a-f-]{36}|\d+ verity|4096 \d+ 1/g, '<>');
    await expect(settled).toMatchFileSnapshot('golden/plans/pcr-events.txt');
  });

  test('of the same image without Secure Boot differ in PCR 7 and 9', async () => {
    const [enforced, free] = [await pcrsOf(), await pcrsOf('--firmware', 'uefi')];
    const changed = enforced.filter(([line], index) => line !== free[index]?.[0]).map(([, pcr]) => pcr);
    expect(changed).toEqual(['7', '9']);
  });

  test('are not given for keys that did not sign the image, nor held against a file that is no log', async () => {
    const foreign = await rig.make('pcrs', '--variant', 'metal-tiny', '--sbkeys', 'other');
    expect(foreign.stderr).toContain(
      'shim and the vendor certificate in shim are not of the keys "other"  [secure-boot/other-profile]',
    );
    const log = join(rig.dir, 'Release.yaml');
    const noLog = await rig.make('pcrs', '--variant', 'metal-tiny', '--event-log', log);
    expect(noLog.stderr).toContain('as event log of a TPM 2.0  [secure-boot/not-an-event-log]');
  });
});

/** Runs `work` while the profile has no private keys. */
async function keepKeys(work: () => Promise<void>): Promise<void> {
  const dir = join(rig.dir, 'sbkeys', 'local');
  const keys = (await readdir(dir)).filter((file) => file.endsWith('.key'));
  const contents = await Promise.all(keys.map(async (file) => [file, await readFile(join(dir, file))] as const));
  await Promise.all(keys.map((file) => rm(join(dir, file))));
  try {
    await work();
  } finally {
    for (const [file, content] of contents) await writeFile(join(dir, file), content, { mode: 0o600 });
  }
}

/** What `sbkeys check` says of a copy of the profile that `spoil` has been at. */
async function complaint(spoil: (dir: string) => Promise<void>): Promise<string> {
  const name = `spoilt-${Math.random().toString(36).slice(2)}`;
  const dir = join(rig.dir, 'sbkeys', name);
  await cp(join(rig.dir, 'sbkeys', 'local'), dir, { recursive: true });
  await spoil(dir);
  const { status, stderr } = await rig.make('sbkeys', 'check', '--profile', name);
  expect(status).toBe(1);
  return stderr.replaceAll(name, '<profile>');
}

describe('a profile', () => {
  test('is found sound as it was made, and shown without its keys', async () => {
    expect(await rig.make('sbkeys', 'check')).toMatchObject({ status: 0 });
    const { stdout } = await rig.make('sbkeys', 'show');
    expect(stdout).toMatch(/^code-sign +Slipway OS code-sign +by vendor +until 20\d\d-\d\d-\d\d +[0-9a-f]{64}$/m);
  });

  test('is not made over another', async () => {
    const { status, stderr } = await rig.make('sbkeys', 'generate');
    expect(status).toBe(1);
    expect(stderr).toContain('[secure-boot/exists]');
  });

  test('that is not there is answered with the command that makes one', async () => {
    const { stderr } = await rig.make('build', '--variant', 'metal-tiny', '--sbkeys', 'release');
    expect(stderr).toContain('sbkeys generate --profile release');
  });

  test('of which half is missing says which half', async () => {
    const said = await complaint(async (dir) => {
      for (const file of ['vendor.crt', 'config-sign.key']) await rm(join(dir, file));
    });
    expect(said).toContain('vendor.crt, config-sign.key are missing  [secure-boot/half-a-profile]');
  });

  test('whose parts do not fit together names each', async () => {
    const said = await complaint(async (dir) => {
      await copyFile(join(dir, 'shim-sign.key'), join(dir, 'code-sign.key'));
      await copyFile(join(rig.dir, 'sbkeys', 'other', 'vendor.crt'), join(dir, 'vendor.crt'));
      await copyFile(join(rig.dir, 'sbkeys', 'other', 'efi-vars.json'), join(dir, 'efi-vars.json'));
      await chmod(join(dir, 'shim-sign.key'), 0o644);
    });
    for (const code of ['key-mismatch', 'wrong-issuer', 'other-variables', 'open-key'])
      expect(said).toContain(`[secure-boot/${code}]`);
  });

  test('that has expired names each certificate, and its days', () => {
    const error = catchError(() => readProfile(rig.dir, 'local', new Date('2050-01-01')));
    const errors = error instanceof BuildErrors ? error.errors : [error];
    expect(errors.filter((each) => each instanceof BuildError && each.code === 'secure-boot/expired')).toHaveLength(6);
  });
});

function catchError(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
