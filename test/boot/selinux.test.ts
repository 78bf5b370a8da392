import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Machine } from '../../tools/vm/machine.ts';
import { BootRig } from '../rig/boot-rig.ts';
import { DENIALS } from '../rig/denials.ts';

/** Without KVM, on a busy machine. */
const BOOT_MS = 300_000;

let rig: BootRig;
let machine: Machine;

beforeAll(async () => {
  rig = await BootRig.create();
  machine = await rig.boot('uefi');
  await machine.waitForShell(BOOT_MS);
  // The kernel's words on what it denied would be among those of commands.
  await ask('dmesg -n 1; until systemctl is-active --quiet multi-user.target; do sleep 1; done');
});

afterAll(async () => {
  await machine[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

async function ask(command: string): Promise<string> {
  const { status, output } = await machine.run(command, BOOT_MS);
  expect({ command, output, status }).toMatchObject({ status: 0 });
  return output.trim();
}

/** Runs a script, as root with all capabilities, as an ordinary container with these categories; gives what it printed. */
async function confined(categories: string, script: string): Promise<string[]> {
  const properties = [
    `SELinuxContext=system_u:system_r:container_t:s0:${categories}`,
    'StandardOutput=truncate:/local/said',
    'StandardError=inherit',
  ];
  const flags = properties.map((property) => `-p ${property}`).join(' ');
  await machine.run(`systemd-run --quiet --wait --collect ${flags} bash -c ${quote(script)}`, BOOT_MS);
  return (await ask('cat /local/said')).split('\n').map((line) => line.trim());
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

test('the policy is enforced, and nothing was denied on the way up', async () => {
  expect(await ask('cat /sys/fs/selinux/enforce')).toBe('1');
  expect(await ask(DENIALS)).toBe('');
});

test('processes and files are what the policy makes of them', async () => {
  const domains = await ask('ps -eo label,comm --no-headers');
  expect(domains).toMatch(/^system_u:system_r:init_t:s0-s0:c0.c1023 +systemd$/m);
  expect(domains).toMatch(/:system_t:\S+ +systemd-udevd$/m);
  expect(domains).toMatch(/:network_t:\S+ +systemd-network$/m);
  expect(domains).toMatch(/:bus_t:\S+ +dbus-broker$/m);
  expect(domains).toMatch(/:clock_t:\S+ +chronyd$/m);
  expect(domains).not.toMatch(/unlabeled_t/);
  const paths = [
    '/',
    '/usr/bin/bash',
    '/etc',
    '/etc/hosts',
    '/run',
    '/var/log',
    '/var/lib',
    '/local',
    '/var/lib/slipway',
  ];
  const types = (await ask(`stat -Lc %C ${paths.join(' ')}`)).split('\n').map((label) => label.trim().split(':')[2]);
  expect(types).toEqual(['os_t', 'os_t', 'etc_t', 'etc_t', 'run_t', 'state_t', 'local_t', 'local_t', 'private_t']);
  // No file of the data partition is without a label: what mkfs made has none of its own.
  expect(await ask('find / -xdev -context "*:unlabeled_t:*" ; find /local -xdev -context "*:unlabeled_t:*"')).toBe('');
});

test('the policy cannot be turned off or replaced, even by the administrator', async () => {
  expect(await ask('id -Z')).toBe('system_u:system_r:super_t:s0-s0:c0.c1023');
  expect((await machine.run('echo 0 > /sys/fs/selinux/enforce')).status).not.toBe(0);
  const policy = '/etc/selinux/slipway/policy/policy.*';
  expect((await machine.run(`cat ${policy} > /sys/fs/selinux/load`)).status).not.toBe(0);
  expect(await ask('cat /sys/fs/selinux/enforce')).toBe('1');
});

test('an ordinary container writes no state of the host, with all capabilities of root', async () => {
  const places = [
    '/etc/x',
    '/run/x',
    '/var/lib/systemd/x',
    '/var/log/x',
    '/var/lib/slipway/x',
    '/proc/sys/kernel/core_pattern',
  ];
  const said = await confined(
    'c1,c2',
    `id -Z; for place in ${places.join(' ')}; do echo x 2>&1 > $place; done; head -c 1 /dev/vda`,
  );
  expect(said.shift()).toBe('system_u:system_r:container_t:s0:c1,c2');
  expect(said).toHaveLength(places.length + 1);
  for (const line of said) expect(line).toMatch(/Permission denied$/);
  expect(await ask('ls /etc/x /run/x /var/lib/slipway/x 2>/dev/null || true')).toBe('');
});

test('an ordinary container loads no module; the administrator does', async () => {
  await ask('! lsmod | grep -q ^squashfs');
  expect((await confined('c1,c2', 'insmod $(modinfo -n squashfs) 2>&1')).join('\n')).toMatch(/not permitted|denied/);
  await ask('! lsmod | grep -q ^squashfs');
  await ask('modprobe squashfs && lsmod | grep -q ^squashfs');
  expect(await ask(DENIALS)).toMatch(/denied +\{ sys_module \}.*container_t:s0:c1,c2/);
});

test('a container reads its own files and those that nobody owns, never those of another', async () => {
  await ask('mkdir -p /local/volume && echo shared > /local/volume/shared');
  expect(await confined('c1,c2', 'cd /local/volume; echo mine > mine; cat mine shared')).toEqual(['mine', 'shared']);
  expect(await ask('stat -c %C /local/volume/mine')).toBe('system_u:object_r:local_t:s0:c1,c2');
  const [other, shared] = await confined('c1,c3', 'cd /local/volume; cat mine 2>&1; cat shared');
  expect(other).toMatch(/Permission denied$/);
  expect(shared).toBe('shared');
});

test('a container sees no process of the host but its own, and signals none', async () => {
  const [seen, killed] = await confined('c1,c2', 'cat /proc/1/environ 2>&1 | head -n 1; kill -0 1 2>&1');
  expect(seen).toMatch(/Permission denied$/);
  expect(killed).toMatch(/not permitted|denied$/i);
});
