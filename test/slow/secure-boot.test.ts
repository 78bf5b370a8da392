import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Drive } from '../../tools/vm/disk.ts';
import { SecureBootRig } from '../rig/secure-boot-rig.ts';

/** Without KVM, on a busy machine; firmware that guards its variables takes its time there. */
const BOOT_MS = 600_000;

let rig: SecureBootRig;

beforeAll(async () => {
  rig = await SecureBootRig.create();
});

afterAll(async () => await rig[Symbol.asyncDispose]());

/** Boots a disk with Secure Boot enforced until its console has said all of `words`. Gives all it said. */
async function consoleOf(disk: Drive, words: readonly RegExp[]): Promise<string> {
  await using machine = await rig.boot(disk);
  for (const pattern of words) await machine.waitFor(pattern, BOOT_MS);
  return machine.serial.text;
}

test('a kernel without a signature is not loaded', async () => {
  const disk = await rig.copy();
  await rig.changeBootFile(disk, '/vmlinuz', (kernel) => rig.unsigned(kernel));
  expect(await consoleOf(disk, [/bad shim signature/, /This bank does not boot/])).not.toContain('Linux version');
});

test('a kernel signed by another key is not loaded', async () => {
  const disk = await rig.copy();
  await rig.changeBootFile(disk, '/vmlinuz', (kernel) => rig.signedByStranger(kernel));
  expect(await consoleOf(disk, [/bad shim signature/, /This bank does not boot/])).not.toContain('Linux version');
});

test('a kernel with one bit turned over is not loaded', async () => {
  const disk = await rig.copy();
  await rig.changeBootFile(disk, '/vmlinuz', (kernel) => {
    const changed = Buffer.from(kernel);
    changed.writeUInt8(changed.readUInt8(1_000_000) ^ 1, 1_000_000);
    return changed;
  });
  expect(await consoleOf(disk, [/bad shim signature/, /This bank does not boot/])).not.toContain('Linux version');
});

test('a GRUB without a signature is not started', async () => {
  const disk = await rig.copy();
  await rig.changeEspFile(disk, '/EFI/BOOT/grubx64.efi', (grub) => rig.unsigned(grub));
  expect(await consoleOf(disk, [/Security Violation/])).not.toContain('Linux version');
});

test('a shim signed by another key is not started', async () => {
  const disk = await rig.copy();
  await rig.changeEspFile(disk, '/EFI/BOOT/bootx64.efi', (shim) => rig.signedByStranger(shim));
  expect(await consoleOf(disk, [/Access Denied/])).not.toContain('Linux version');
});

test('a signed image boots where firmware asks nobody, too', async () => {
  await using machine = await rig.bootFreely();
  await machine.waitForShell(BOOT_MS);
  expect((await machine.run('systemctl is-system-running --wait', BOOT_MS)).output.trim()).toBe('running');
});
