import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ask, BOOT_MS, bootedFrom, bootFacts } from '../rig/boot-facts.ts';
import { BootRig, flipBit } from '../rig/boot-rig.ts';

let rig: BootRig;

beforeAll(async () => {
  rig = await BootRig.create();
});

afterAll(async () => await rig[Symbol.asyncDispose]());

describe.each(['bios', 'uefi'] as const)('under %s', (firmware) => {
  bootFacts(() => rig, firmware);
});

test('a root with one bit changed never reaches userland', async () => {
  const disk = await rig.copy();
  await flipBit(disk, rig.partition('ROOT-A'), 1024);
  await using machine = await rig.boot('bios', disk);
  await machine.waitFor(/Linux version/, BOOT_MS);
  await machine.waitFor(/verity.*block 0 is corrupted/, BOOT_MS);
  // GRUB, again.
  await machine.waitFor(/Booting/, BOOT_MS);
  expect(machine.serial.text).not.toMatch(/systemd\[1\]/);
});

test('a bank marked for one try is booted once, and then the other one', async () => {
  const disk = await rig.copy();
  await rig.fillBankB(disk);
  const { number } = rig.partition('BOOT-B');
  const attributes = `od -An -t x8 -j $((1024 + ${number - 1} * 128 + 48)) -N 8 /dev/vda`;
  await using machine = await rig.boot('uefi', disk);
  await machine.waitForShell(BOOT_MS);
  expect(await bootedFrom(machine)).toBe(await rig.guid(disk, 'BOOT-B'));
  expect(await ask(machine, attributes)).toBe('0002000000000000');
  machine.type('systemctl reboot\n');
  await machine.waitFor(/Booting/, BOOT_MS);
  await machine.waitForShell(BOOT_MS);
  expect(await bootedFrom(machine)).toBe(await rig.guid(disk, 'BOOT-A'));
});

test('a bank whose kernel cannot be loaded gives the other one its turn', async () => {
  const disk = await rig.copy();
  await rig.fillBankB(disk);
  await flipBit(disk, rig.partition('BOOT-B'), 1024 + 56);
  await using machine = await rig.boot('bios', disk);
  await machine.waitFor(/restarting in 30 seconds/, BOOT_MS);
  await machine.waitForShell(BOOT_MS);
  expect(await bootedFrom(machine)).toBe(await rig.guid(disk, 'BOOT-A'));
});
