import { expect, test } from 'vitest';

import { grubConfig, parseGrubConfig, verityTable } from './boot-config.ts';

const ROOT_HASH = 'ab'.repeat(32);
const SALT = '07'.repeat(32);

test('verityTable() of a full root of 920 MiB', () => {
  expect(verityTable({ dataBlocks: 235_520, rootHash: ROOT_HASH, salt: SALT })).toBe(
    'root,,,ro,0 1884160 verity 1 PARTUUID=$boot_uuid/PARTNROFF=1 PARTUUID=$boot_uuid/PARTNROFF=2 4096 4096 235520 1 sha256 ' +
      `${ROOT_HASH} ${SALT} 2 restart_on_corruption ignore_zero_blocks`,
  );
});

test('grubConfig() boots one entry at once', () => {
  const config = grubConfig({
    title: "Bob's OS 1.0.0 (metal-dev)",
    selinux: true,
    kernelParameters: ['console=ttyS0,115200n8', 'crashkernel=2G-:256M', 'dyndbg="file a.c +p; file $b +p"'],
    verity: { dataBlocks: 8, rootHash: ROOT_HASH, salt: SALT },
    signed: false,
  });
  expect(config).toBe(`set default=0
set fallback=1
set timeout=0
set dm_verity_root="root,,,ro,0 64 verity 1 PARTUUID=$boot_uuid/PARTNROFF=1 PARTUUID=$boot_uuid/PARTNROFF=2 4096 4096 8 1 sha256 ${ROOT_HASH} ${SALT} 2 restart_on_corruption ignore_zero_blocks"

menuentry 'Bob'\\''s OS 1.0.0 (metal-dev)' --unrestricted {
  linux /vmlinuz console=ttyS0,115200n8 crashkernel=2G-:256M 'dyndbg="file a.c +p; file $b +p"' root=/dev/dm-0 rootwait ro raid=noautodetect random.trust_cpu=on selinux=1 enforcing=1 dm-mod.create="$dm_verity_root" -- systemd.log_target=journal-or-kmsg systemd.log_color=0 systemd.show_status=true
  boot
}

menuentry 'Restart' --unrestricted {
  echo 'This bank does not boot: restarting in 30 seconds.'
  sleep 30
  reboot
}
`);
});

test('grubConfig() of a signed chain leaves the kernel to shim, once it has been checked itself', () => {
  const verity = { dataBlocks: 8, rootHash: ROOT_HASH, salt: SALT };
  expect(grubConfig({ title: 'OS', kernelParameters: [], selinux: false, verity, signed: true })).toMatch(
    /^set check_signatures=no\nset default=0\n/,
  );
});

test('parseGrubConfig() gives back what grubConfig() was told, and refuses any other text', () => {
  const config = {
    title: "Bob's OS  1.0.0 (metal-dev)",
    selinux: true,
    kernelParameters: ['console=ttyS0,115200n8', 'dyndbg="file a.c +p; file $b +p"', "it's", ''],
    verity: { dataBlocks: 8, rootHash: ROOT_HASH, salt: SALT },
    signed: true,
  };
  expect(parseGrubConfig(grubConfig(config))).toEqual(config);
  expect(() => parseGrubConfig(`${grubConfig(config)}insmod http\n`)).toThrow('Cannot read grub.cfg');
  expect(() => parseGrubConfig('linux /vmlinuz')).toThrow('Cannot read grub.cfg');
});
