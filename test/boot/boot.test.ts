import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Machine } from '../../tools/vm/machine.ts';
import { BootRig, flipBit } from '../rig/boot-rig.ts';

/** Without KVM, on a busy machine. */
const BOOT_MS = 300_000;

let rig: BootRig;

beforeAll(async () => {
  rig = await BootRig.create();
});

afterAll(async () => await rig[Symbol.asyncDispose]());

/** Output of a command that must succeed. */
async function ask(machine: Machine, command: string): Promise<string> {
  const { status, output } = await machine.run(command, BOOT_MS);
  expect({ command, output, status }).toMatchObject({ status: 0 });
  return output.trim();
}

/** The GUID of the boot partition that GRUB chose. */
async function bootedFrom(machine: Machine): Promise<string | undefined> {
  return /PARTUUID=([0-9a-f-]+)\/PARTNROFF=1/.exec(await ask(machine, 'cat /proc/cmdline'))?.[1];
}

describe.each(['bios', 'uefi'] as const)('under %s', (firmware) => {
  let machine: Machine;

  beforeAll(async () => {
    machine = await rig.boot(firmware);
    await machine.waitForShell(BOOT_MS);
    await ask(machine, 'until systemctl is-active --quiet multi-user.target; do sleep 1; done');
  });

  afterAll(async () => await machine[Symbol.asyncDispose]());

  test('the system is up and no unit failed', async () => {
    expect(await ask(machine, 'systemctl list-units --failed --no-legend --plain')).toBe('');
    expect(await ask(machine, 'systemctl is-system-running --wait')).toBe('running');
  });

  test('root is the verified partition, and read-only', async () => {
    expect(await ask(machine, 'findmnt -no SOURCE,FSTYPE /')).toMatch(/^\/dev\/(?:dm-0|mapper\/root) +erofs$/);
    expect(await ask(machine, 'cat /sys/block/dm-0/dm/name /sys/block/dm-0/ro; ls -1 /sys/block/dm-0/slaves')).toBe(
      'root\n1\nvda4\nvda5',
    );
    expect((await machine.run('touch /usr/touched')).status).not.toBe(0);
  });

  test('the kernel was told what the image says', async () => {
    const line = await ask(machine, 'cat /proc/cmdline');
    const verity = String.raw`root,,,ro,0 \d+ verity 1 PARTUUID=(\S+)/PARTNROFF=1 PARTUUID=\1/PARTNROFF=2 4096 4096 \d+ 1 sha256 \w{64} \w{64} 2 restart_on_corruption ignore_zero_blocks`;
    expect(line).toMatch(
      new RegExp(
        String.raw`^BOOT_IMAGE=/vmlinuz console=tty0 console=ttyS0,115200n8 net.ifnames=0 no_timer_check root=/dev/dm-0 rootwait ro raid=noautodetect ` +
          String.raw`random.trust_cpu=on "?dm-mod.create="?${verity}" -- systemd.log_target=journal-or-kmsg systemd.log_color=0 systemd.show_status=true$`,
      ),
    );
    expect(await bootedFrom(machine)).toBe(await rig.guid(await rig.copy(), 'BOOT-A'));
  });

  test('data has grown to what the volume gives, and is mounted', async () => {
    expect(await ask(machine, 'findmnt -no SOURCE,FSTYPE /local')).toMatch(/^\/dev\/vda13 +ext4$/);
    expect(Number(await ask(machine, 'df --output=size -BM /local | tail -n 1 | tr -dc 0-9'))).toBeGreaterThan(5000);
    expect(await ask(machine, 'findmnt -no SOURCE /var')).toContain('/dev/vda13');
  });

  test('the network has given an address', async () => {
    const wait = 'for i in $(seq 60); do ip -4 -o addr show eth0 | grep inet && break; sleep 1; done';
    expect(await ask(machine, wait)).toContain('10.0.2.15');
  });

  test('under lockdown the modules of this build load, and no other', async () => {
    const lockdown = '/sys/kernel/security/lockdown';
    await ask(
      machine,
      `grep -q '\\[none\\]' ${lockdown} && echo integrity > ${lockdown}; grep '\\[integrity\\]' ${lockdown}`,
    );
    await ask(machine, 'modprobe dummy && cp $(modinfo -n dummy) /run/other.ko && rmmod dummy');
    await ask(machine, 'insmod /run/other.ko && rmmod dummy && echo >> /run/other.ko');
    expect((await machine.run('insmod /run/other.ko')).status).not.toBe(0);
    expect(await ask(machine, 'dmesg | tail -n 5')).toMatch(/Lockdown: insmod: unsigned module loading is restricted/);
  });

  test('programs that trace the kernel find its types', async () => {
    expect(await ask(machine, 'od -An -t x2 -N 2 /sys/kernel/btf/vmlinux')).toBe('eb9f');
  });

  test('it powers off', async () => {
    await machine.shutdown();
    expect(machine.serial.text).not.toMatch(/Kernel panic|BUG:|FAILED/);
  });
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
