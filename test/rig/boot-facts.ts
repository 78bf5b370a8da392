import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Machine } from '../../tools/vm/machine.ts';
import type { Firmware } from '../../tools/vm/qemu.ts';
import type { BootRig } from './boot-rig.ts';

/** Without KVM, on a busy machine. */
export const BOOT_MS = 300_000;

/** Output of a command that must succeed. */
export async function ask(machine: Machine, command: string): Promise<string> {
  const { status, output } = await machine.run(command, BOOT_MS);
  expect({ command, output, status }).toMatchObject({ status: 0 });
  return output.trim();
}

/** The GUID of the boot partition that GRUB chose. */
export async function bootedFrom(machine: Machine): Promise<string | undefined> {
  return /PARTUUID=([0-9a-f-]+)\/PARTNROFF=1/.exec(await ask(machine, 'cat /proc/cmdline'))?.[1];
}

/** What is true of metal-dev once it has booted, as tests of a suite. `rig` is asked when they begin. */
export function bootFacts(rig: () => BootRig, firmware: Firmware): void {
  let machine: Machine;

  /** The block device of a partition. */
  function node(key: string): string {
    return `vda${rig().partition(key).number}`;
  }

  beforeAll(async () => {
    machine = await rig().boot(firmware);
    await machine.waitForShell(BOOT_MS);
    await ask(machine, 'until systemctl is-active --quiet multi-user.target; do sleep 1; done');
  });

  afterAll(async () => await machine?.[Symbol.asyncDispose]());

  test('the system is up and no unit failed', async () => {
    expect(await ask(machine, 'systemctl list-units --failed --no-legend --plain')).toBe('');
    expect(await ask(machine, 'systemctl is-system-running --wait')).toBe('running');
  });

  test('root is the verified partition, and read-only', async () => {
    expect(await ask(machine, 'findmnt -no SOURCE,FSTYPE /')).toMatch(/^\/dev\/(?:dm-0|mapper\/root) +erofs$/);
    const [root, hash] = [node('ROOT-A'), node('HASH-A')];
    expect(await ask(machine, 'cat /sys/block/dm-0/dm/name /sys/block/dm-0/ro; ls -1 /sys/block/dm-0/slaves')).toBe(
      `root\n1\n${root}\n${hash}`,
    );
    expect((await machine.run('touch /usr/touched')).status).not.toBe(0);
  });

  test('the kernel was told what the image says', async () => {
    const line = await ask(machine, 'cat /proc/cmdline');
    const verity = String.raw`root,,,ro,0 \d+ verity 1 PARTUUID=(\S+)/PARTNROFF=1 PARTUUID=\1/PARTNROFF=2 4096 4096 \d+ 1 sha256 \w{64} \w{64} 2 restart_on_corruption ignore_zero_blocks`;
    expect(line).toMatch(
      new RegExp(
        String.raw`^BOOT_IMAGE=/vmlinuz console=tty0 console=ttyAMA0,115200n8 console=ttyS0,115200n8 net.ifnames=0 no_timer_check root=/dev/dm-0 rootwait ro raid=noautodetect ` +
          String.raw`random.trust_cpu=on selinux=1 enforcing=1 "?dm-mod.create="?${verity}" -- systemd.log_target=journal-or-kmsg systemd.log_color=0 systemd.show_status=true$`,
      ),
    );
    expect(await bootedFrom(machine)).toBe(await rig().guid(await rig().copy(), 'BOOT-A'));
  });

  test('data has grown to what the volume gives, and is mounted', async () => {
    expect(await ask(machine, 'findmnt -no SOURCE,FSTYPE /local')).toMatch(
      new RegExp(`^/dev/${node('DATA-A')} +ext4$`),
    );
    expect(Number(await ask(machine, 'df --output=size -BM /local | tail -n 1 | tr -dc 0-9'))).toBeGreaterThan(5000);
    expect(await ask(machine, 'findmnt -no SOURCE /var')).toContain(`/dev/${node('DATA-A')}`);
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

  test('the audit rules are loaded, and the journal has the records', async () => {
    expect(await ask(machine, 'auditctl -s')).toMatch(/^enabled 1$[^]*^backlog_limit 8192$[^]*^backlog_wait_time 0$/m);
    expect(await ask(machine, 'auditctl -m userland && journalctl _TRANSPORT=audit --grep userland')).toContain('USER');
  });

  test('iptables and ip6tables write the tables of the kernel', async () => {
    const rule = '-p tcp -m comment --comment ours -m multiport --dports 7,9 -j REJECT';
    for (const tool of ['iptables', 'ip6tables']) {
      const saved = await ask(machine, `${tool} -w -A INPUT ${rule} && ${tool}-save | ${tool}-restore && ${tool}-save`);
      expect(saved).toContain('-A INPUT -p tcp -m comment --comment ours -m multiport --dports 7,9 -j REJECT');
    }
  });

  test('programs that trace the kernel find its types', async () => {
    expect(await ask(machine, 'od -An -t x2 -N 2 /sys/kernel/btf/vmlinux')).toBe('eb9f');
  });

  test('it powers off', async () => {
    await machine.shutdown();
    expect(machine.serial.text).not.toMatch(/Kernel panic|BUG:|FAILED/);
  });
}
