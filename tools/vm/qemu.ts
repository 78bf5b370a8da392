/** The virtual machine as QEMU's arguments: the least hardware an image needs, and nothing by default. */
import type { Arch } from '../config/arch.ts';
import type { Accelerator } from './accelerator.ts';
import type { Drive } from './disk.ts';

export type Firmware = 'bios' | 'uefi';

export interface Hardware {
  readonly arch: Arch;
  readonly firmware: Firmware;
  /** In the order the system finds them. */
  readonly drives: readonly Drive[];
  readonly memoryMiB: number;
  readonly cores: number;
  /** `isolated`: an address, but no way out of the machine. */
  readonly network: 'isolated' | 'outgoing';
  /** Host ports, on the loopback interface, to guest ports. */
  readonly forward?: ReadonlyMap<number, number>;
}

export interface QemuOptions extends Hardware {
  readonly accelerator: Accelerator;
  /** A file of the tool root, as a host path. */
  readonly toolFile: (path: string) => string;
  /** The machine's own copy of the UEFI variables. */
  readonly variables: string;
  /** Where the serial console goes: QEMU's own words for it. */
  readonly serial: readonly string[];
}

const MACHINE = { x86_64: 'q35', aarch64: 'virt' } as const satisfies Record<Arch, string>;

export const UEFI = {
  x86_64: { code: 'usr/share/OVMF/OVMF_CODE_4M.fd', variables: 'usr/share/OVMF/OVMF_VARS_4M.fd' },
  aarch64: { code: 'usr/share/AAVMF/AAVMF_CODE.no-secboot.fd', variables: 'usr/share/AAVMF/AAVMF_VARS.fd' },
} as const satisfies Record<Arch, { code: string; variables: string }>;

export function qemuProgram(arch: Arch): string {
  return `bin/qemu-system-${arch}`;
}

export function qemuArguments(options: QemuOptions): string[] {
  const { arch, accelerator, memoryMiB, cores, toolFile, serial } = options;
  const machine = ['-machine', MACHINE[arch], '-accel', accelerator, '-cpu', cpuOf(arch, accelerator)];
  const size = ['-m', String(memoryMiB), '-smp', String(cores)];
  const library = ['-L', toolFile('usr/share/qemu'), '-L', toolFile('usr/share/seabios')];
  return [
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
    ...machine,
    ...size,
    ...library,
    ...firmwareArguments(options),
    ...options.drives.flatMap(driveArguments),
    ...networkArguments(options),
    '-device',
    'virtio-rng-pci',
    ...serial,
  ];
}

function cpuOf(arch: Arch, accelerator: Accelerator): string {
  if (accelerator === 'kvm') return 'host';
  // Pointer authentication as ARM defines it costs an emulator half of its speed.
  return arch === 'aarch64' ? 'max,pauth-impdef=on' : 'max';
}

function firmwareArguments({ arch, firmware, toolFile, variables }: QemuOptions): string[] {
  if (firmware === 'bios') return [];
  const code = `if=pflash,unit=0,format=raw,readonly=on,file=${escape(toolFile(UEFI[arch].code))}`;
  return ['-drive', code, '-drive', `if=pflash,unit=1,format=raw,file=${escape(variables)}`];
}

function driveArguments({ path, form }: Drive, index: number): string[] {
  const file = `if=none,id=disk${index},format=${form},file=${escape(path)},discard=unmap`;
  return ['-drive', file, '-device', `virtio-blk-pci,drive=disk${index},bootindex=${index}`];
}

function networkArguments({ network, forward = new Map() }: QemuOptions): string[] {
  const ports = [...forward].map(([host, guest]) => `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`).join('');
  const restrict = network === 'isolated' ? ',restrict=on' : '';
  // No boot ROM: firmware would wait for a network to boot from.
  return ['-netdev', `user,id=net0${restrict}${ports}`, '-device', 'virtio-net-pci,netdev=net0,romfile='];
}

/** QEMU splits its options at commas; a doubled one is a comma. */
function escape(path: string): string {
  return path.replaceAll(',', ',,');
}
