import { realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Machine } from '../../tools/vm/machine.ts';
import { BootRig } from '../rig/boot-rig.ts';
import { FailingTpmTools } from '../rig/failing-tpm.ts';
import { CHECKOUT } from '../rig/rig.ts';
import { SecureBootRig } from '../rig/secure-boot-rig.ts';
import { predictedPcrs, readEventLog, readPcrs, type Pcrs } from '../rig/tpm.ts';
import { vmRoot, vmTools } from '../rig/vm-root.ts';

/** Without KVM, on a busy machine; firmware that guards its variables takes its time there. */
const BOOT_MS = 600_000;
const PREDICTED = ['4', '7', '8', '9', '11', '14'];
const TPM = { tpm: '2.0' } as const;

let rig: SecureBootRig;

beforeAll(async () => {
  rig = await SecureBootRig.create();
});

afterAll(async () => await rig[Symbol.asyncDispose]());

async function found(machine: Machine): Promise<Pcrs> {
  await machine.waitForShell(BOOT_MS);
  return await readPcrs(machine, PREDICTED);
}

/** Which PCRs of two boots differ, in any bank. */
function changed(before: Pcrs | undefined, after: Pcrs | undefined): readonly string[] {
  return PREDICTED.filter((pcr) =>
    Object.keys(after ?? {}).some((hash) => before?.[hash]?.[pcr] !== after?.[hash]?.[pcr]),
  );
}

test('where firmware enforces its keys, a TPM holds what was predicted', async () => {
  const predicted = await predictedPcrs(rig.checkout);
  await using machine = await rig.boot(undefined, TPM);
  expect(await found(machine)).toEqual(predicted.get('BOOT-A'));
});

test('where it enforces nothing, too: measurement by measurement, and as tpm2_eventlog counts', async () => {
  const predicted = await predictedPcrs(rig.checkout, { flags: ['--firmware', 'uefi'] });
  await using machine = await rig.bootFreely(undefined, TPM);
  expect(await found(machine)).toEqual(predicted.get('BOOT-A'));
  const file = join(rig.checkout.dir, 'event-log');
  await writeFile(file, await readEventLog(machine));
  const held = await rig.checkout.make('pcrs', '--variant', 'metal-dev', '--firmware', 'uefi', '--event-log', file);
  expect(held).toMatchObject({ status: 0 });
  expect(held.stdout).toContain('is as predicted. Booted from BOOT-A');
  const counted = await (await vmTools()).run('bin/tpm2_eventlog', [file]);
  for (const hash of ['sha1', 'sha256', 'sha384', 'sha512'])
    for (const pcr of ['4', '7', '8', '9', '14'])
      expect(counted).toMatch(new RegExp(`^ +${pcr} +: 0x${predicted.get('BOOT-A')?.[hash]?.[pcr]}$`, 'm'));
});

test('an update with another kernel line changes PCR 8 and 9 and no other, as predicted for the machine it came to', async () => {
  const images = join(rig.checkout.dir, 'build', 'images', 'x86_64-metal-dev', 'latest');
  const installed = await realpath(images);
  const disk = await rig.copy();
  const before = (await predictedPcrs(rig.checkout)).get('BOOT-B');
  await rig.checkout.succeed('repack', '--variant', 'metal-dev', '--add-parameter', 'slipway.measured=1');
  const after = (await predictedPcrs(rig.checkout, { flags: ['--installed', installed] })).get('BOOT-B');
  expect(changed(before, after)).toEqual(['8', '9']);
  await rig.update(disk, join(images, 'slipway-metal-dev-x86_64-boot.ext4.lz4'));
  await using machine = await rig.boot(disk, TPM);
  expect(await found(machine)).toEqual(after);
  expect((await machine.run('cat /proc/cmdline')).output).toContain('slipway.measured=1');
});

test('a TPM that fails in the middle of it does not keep an image from booting', async () => {
  await using machine = await rig.boot(undefined, { ...TPM, tools: new FailingTpmTools(await vmRoot(), 8) });
  const [said] = await machine.waitFor(/Linux version|you need to load the kernel first/, BOOT_MS);
  expect(said).toBe('Linux version');
});

test('an image that is not signed leaves what was predicted', async () => {
  await using unsigned = await BootRig.create();
  const predicted = await predictedPcrs(rig.checkout, { at: CHECKOUT });
  await using machine = await unsigned.boot('uefi', undefined, TPM);
  expect(await found(machine)).toEqual(predicted.get('BOOT-A'));
});
