import { expect, test } from 'vitest';

import { grubMeasurements } from './grub.ts';

const CONFIG = `set check_signatures=no
set timeout=0
set dm_verity_root="root,,,ro,0 64 verity 1 PARTUUID=$boot_uuid/PARTNROFF=1"

menuentry 'Bob'\\''s OS (metal-dev)' --unrestricted {
  linux /vmlinuz console=ttyS0,115200n8 'dyndbg="file a.c +p; file $b +p"' dm-mod.create="$dm_verity_root" -- a=1
  boot
}

menuentry 'Restart' --unrestricted {
  echo 'This bank does not boot: restarting in 30 seconds.'
  sleep 30
  reboot
}
`;

const BOOT = { config: CONFIG, kernel: Buffer.from('kernel'), bootPartition: 'EB377C41-76D5-8D44-A2A0-A304B82CCC5D' };

test('grubMeasurements() are of files and commands in the order that GRUB comes to them, variables expanded', () => {
  const { measurements, kernelLine } = grubMeasurements(BOOT);
  expect(measurements.map(({ pcr, what }) => `${pcr} ${what}`)).toEqual([
    '9 grub.cfg',
    '8 grub_cmd: set check_signatures=no',
    '8 grub_cmd: set timeout=0',
    '8 grub_cmd: set dm_verity_root=root,,,ro,0 64 verity 1 PARTUUID=eb377c41-76d5-8d44-a2a0-a304b82ccc5d/PARTNROFF=1',
    // What is in a block is measured as it is written, and its commands once they are run.
    `8 grub_cmd: menuentry Bob's OS (metal-dev) --unrestricted {
  linux /vmlinuz console=ttyS0,115200n8 'dyndbg="file a.c +p; file $b +p"' dm-mod.create="$dm_verity_root" -- a=1
  boot
}`,
    `8 grub_cmd: menuentry Restart --unrestricted {
  echo 'This bank does not boot: restarting in 30 seconds.'
  sleep 30
  reboot
}`,
    "8 grub_cmd: setparams Bob's OS (metal-dev)",
    '8 grub_cmd: linux /vmlinuz console=ttyS0,115200n8 dyndbg="file a.c +p; file $b +p" dm-mod.create=root,,,ro,0 64 verity 1 PARTUUID=eb377c41-76d5-8d44-a2a0-a304b82ccc5d/PARTNROFF=1 -- a=1',
    '9 vmlinuz',
    `8 kernel_cmdline: ${kernelLine}`,
    '8 grub_cmd: boot',
  ]);
  expect(kernelLine).toBe(
    String.raw`/vmlinuz console=ttyS0,115200n8 "dyndbg=\"file a.c +p; file $b +p\"" "dm-mod.create=root,,,ro,0 64 verity 1 PARTUUID=eb377c41-76d5-8d44-a2a0-a304b82ccc5d/PARTNROFF=1" -- a=1`,
  );
});

test('grubMeasurements() hash what is measured, not how it is called in a log', () => {
  const [config, command] = grubMeasurements(BOOT).measurements;
  // sha256sum of the file, and of "set check_signatures=no".
  expect(command?.digest('sha256').toString('hex')).toMatch(/^63610404fda7a4a7/);
  expect(config?.digest('sha1')).toHaveLength(20);
});
