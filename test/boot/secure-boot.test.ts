import { afterAll, beforeAll, expect, test } from 'vitest';

import { SecureBootRig } from '../rig/secure-boot-rig.ts';

/** Without KVM, on a busy machine; firmware that guards its variables takes its time there. */
const BOOT_MS = 600_000;

let rig: SecureBootRig;

beforeAll(async () => {
  rig = await SecureBootRig.create();
});

afterAll(async () => await rig[Symbol.asyncDispose]());

test('a signed image boots where firmware knows its keys, and only then', async () => {
  await using machine = await rig.boot();
  await machine.waitForShell(BOOT_MS);
  // The last byte of SecureBoot: 1 while it is enforced. SetupMode: 0 with keys in place.
  const variables = '/sys/firmware/efi/efivars/{SecureBoot,SetupMode}-8be4df61-93ca-11d2-aa0d-00e098032b8c';
  const look = `mountpoint -q /sys/firmware/efi/efivars || mount -t efivarfs none /sys/firmware/efi/efivars; for f in ${variables}; do tail -c 1 $f | od -An -t u1; done`;
  expect((await machine.run(look, BOOT_MS)).output.trim().split(/\s+/)).toEqual(['1', '0']);
});

test('a grub.cfg with one byte changed is not read', async () => {
  const disk = await rig.copy();
  await rig.changeBootFile(disk, '/grub/grub.cfg', (content) => {
    const changed = Buffer.from(content);
    changed.write('1', changed.indexOf('timeout=0') + 'timeout='.length);
    return changed;
  });
  await using machine = await rig.boot(disk);
  await machine.waitFor(/No bank was booted/, BOOT_MS);
  expect(machine.serial.text).not.toMatch(/Booting `|Linux version/);
});
