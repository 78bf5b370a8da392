import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { extract } from 'tar';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { runCommand } from '../../tools/process/command.ts';
import { overlayDisk } from '../../tools/vm/disk.ts';
import { bootVm } from '../../tools/vm/machine.ts';
import type { VmTools } from '../../tools/vm/tools.ts';
import { vmTools } from '../rig/vm-root.ts';
import { CHECKOUT, SHARED_STORE } from '../rig/rig.ts';

/** Without KVM, on a busy machine. */
const BOOT_MS = 400_000;
const GIB = 1024 ** 3;
const VARIANT = 'vmware-dev';

let dir: string;
let tools: VmTools;
/** In the order of the descriptor: the VMDK, and how large the disk is that a machine gets. */
let disks: readonly { readonly path: string; readonly bytes: number }[];

beforeAll(async () => {
  await build();
  tools = await vmTools();
  dir = await mkdtemp(join(tmpdir(), 'slipway-ova-'));
  const latest = join(CHECKOUT, 'build', 'images', `x86_64-${VARIANT}`, 'latest');
  await extract({ file: await realpath(join(latest, `slipway-${VARIANT}-x86_64.ova`)), cwd: dir });
  disks = await readDisks();
});

afterAll(async () => await rm(dir, { recursive: true, force: true }));

async function build(): Promise<void> {
  const lines: string[] = [];
  const argv = [process.execPath, '--import', 'tsx', join(CHECKOUT, 'Makefile.ts'), 'build', '--variant', VARIANT];
  const env = { PATH: process.env['PATH'] ?? '', HOME: homedir(), SLIPWAY_CACHE: SHARED_STORE, NO_COLOR: '1' };
  const { status } = await runCommand(argv, { cwd: CHECKOUT, env, onLine: (line) => lines.push(line) });
  if (status !== 0) throw new Error(lines.slice(-40).join('\n'));
}

/** As vSphere makes them: a File for its bytes, a Disk for its size. */
async function readDisks() {
  const [descriptor = ''] = (await readdir(dir)).filter((name) => name.endsWith('.ovf'));
  const text = await readFile(join(dir, descriptor), 'utf8');
  return [...text.matchAll(/<Disk ovf:capacity="(\d+)"[^>]* ovf:fileRef="([^"]+)"/g)].map(([, capacity, file]) => {
    const [, href = ''] = new RegExp(`<File ovf:href="([^"]+)" ovf:id="${file}"`).exec(text) ?? [];
    return { path: join(dir, href), bytes: Number(capacity) };
  });
}

const MACHINES = [
  { firmware: 'bios', disk: 'sda', driver: 'vmw_pvscsi', path: 'device/../../../driver' },
  { firmware: 'uefi', disk: 'nvme0n1', driver: 'nvme', path: 'device/device/driver' },
] as const;

test.for(MACHINES)("the OVA's disks boot on $driver with VMXNET3, under $firmware", async (hardwareOf) => {
  const { firmware } = hardwareOf;
  const drives = await Promise.all(
    disks.map(({ path, bytes }, index) =>
      overlayDisk(
        tools,
        { path, form: 'vmdk' },
        { path: join(dir, `${firmware}-${index}.qcow2`), sizeGiB: bytes / GIB },
      ),
    ),
  );
  const hardware = { firmware, drives, memoryMiB: 1024, cores: 2, network: 'isolated' } as const;
  await using machine = await bootVm(tools, { arch: 'x86_64', peripherals: 'vmware', ...hardware });
  await machine.waitForShell(BOOT_MS);
  const state = await machine.run('systemctl is-system-running --wait; systemctl --failed --no-legend', BOOT_MS);
  expect(state.output.trim()).toBe('running');
  const drivers = await machine.run(
    `readlink /sys/block/${hardwareOf.disk}/${hardwareOf.path} /sys/class/net/eth0/device/driver | grep -o "[^/]*$"; test -d /sys/firmware/efi && echo efi`,
  );
  expect(drivers.output.trim().split(/\s+/)).toEqual([
    hardwareOf.driver,
    'vmxnet3',
    ...(firmware === 'uefi' ? ['efi'] : []),
  ]);
  // Data has grown into all of the disk that the descriptor asks for.
  const size = await machine.run('lsblk -bnro SIZE,MOUNTPOINT | grep " /local$"');
  const wanted = disks.at(-1)?.bytes ?? 0;
  expect(Number(size.output.split(' ')[0])).toBeGreaterThan(wanted - 0.05 * GIB);
});
