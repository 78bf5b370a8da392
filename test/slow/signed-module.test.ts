import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Machine } from '../../tools/vm/machine.ts';
import { buildWithKit, carry, type Carried } from '../rig/kit-module.ts';
import { SandboxRig } from '../rig/sandbox-rig.ts';
import { SecureBootRig } from '../rig/secure-boot-rig.ts';

/** Without KVM, on a busy machine; firmware that guards its variables takes its time there. */
const BOOT_MS = 600_000;

const SCRIPT = `printf '#include <linux/module.h>\\nMODULE_LICENSE("GPL");\\n' > hello.c
echo 'obj-m := hello.o' > Makefile
"$kit/kmake" -s -C "$kit/kernel-devel" M="$PWD" modules`;

/** One module, as it is built, signed by the profile of the image, and signed by another: the disks behind the image's own. */
const DISKS = ['vdb', 'vdc', 'vdd'] as const;

let rig: SecureBootRig;
let modules: readonly Carried[];

beforeAll(async () => {
  rig = await SecureBootRig.create({ parameters: ['lockdown=integrity'] });
  const { checkout } = rig;
  await using elsewhere = await SandboxRig.create('image');
  const kit = join(checkout.dir, 'build/images/x86_64-metal-dev/latest/slipway-metal-dev-x86_64-kmod-kit.tar.xz');
  await mkdir(join(checkout.dir, 'plain'));
  const plain = join(checkout.dir, 'plain/hello.ko');
  await copyFile(await buildWithKit(elsewhere, { kit, arch: 'x86_64', script: SCRIPT, file: 'hello.ko' }), plain);
  await checkout.succeed('sbkeys', 'sign-module', plain, '--out', join(checkout.dir, 'ours'));
  await checkout.succeed(
    'sbkeys',
    'sign-module',
    plain,
    '--out',
    join(checkout.dir, 'theirs'),
    '--profile',
    'stranger',
  );
  modules = await Promise.all(
    ['plain', 'ours', 'theirs'].map((from) => carry(join(checkout.dir, from, 'hello.ko'), checkout.dir, `${from}.img`)),
  );
});

afterAll(async () => await rig?.[Symbol.asyncDispose]());

/** What becomes of each of the three. */
async function load(machine: Machine): Promise<readonly string[]> {
  await machine.waitForShell(BOOT_MS);
  await machine.run('dmesg -n 1', BOOT_MS);
  const said: string[] = [];
  for (const [index, { bytes }] of modules.entries()) {
    const file = `/tmp/${DISKS[index]}.ko`;
    const command = `head -c ${bytes} /dev/${DISKS[index]} > ${file}; insmod ${file} 2>&1 && echo loaded && rmmod hello`;
    said.push((await machine.run(command, BOOT_MS)).output.trim());
  }
  return said;
}

const behind = () => ({ more: modules.map(({ drive }) => drive) });

test("under lockdown a module is loaded when the profile's key has signed it, and not otherwise", async () => {
  await using machine = await rig.boot(undefined, behind());
  const [plain, ours, theirs] = await load(machine);
  expect(plain).toContain('Operation not permitted');
  expect(ours).toBe('loaded');
  expect(theirs).toMatch(/Required key not available|Operation not permitted/);
});

test('where firmware asks nobody, nothing vouches for that key, and no such module is loaded', async () => {
  await using machine = await rig.bootFreely(undefined, behind());
  for (const said of await load(machine)) expect(said).toMatch(/not permitted|not available/);
});
