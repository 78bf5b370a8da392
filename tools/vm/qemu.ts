/** The virtual machine as QEMU's arguments: the least hardware an image needs, and nothing by default. */
import type { Arch } from '../config/arch.ts';
import type { Accelerator } from './accelerator.ts';
import type { Drive } from './disk.ts';

/** `secure-boot`: UEFI that enforces what its variables say, and guards them. */
export const FIRMWARES = ['bios', 'uefi', 'secure-boot'] as const;
export type Firmware = (typeof FIRMWARES)[number];

export interface Hardware {
  readonly arch: Arch;
  readonly firmware: Firmware;
  /** Flash memory with UEFI variables to start from, such as keys; empty ones unless told. Each machine writes to a copy. */
  readonly variables?: string;
  /** In the order the system finds them. */
  readonly drives: readonly Drive[];
  /**
   * What disks and network hang on: QEMU's own kind unless told, or that of a machine of VMware's: VMXNET3, and PVSCSI under BIOS, NVMe under
   * UEFI, for our build of OVMF has no driver of PVSCSI.
   */
  readonly peripherals?: 'virtio' | 'vmware';
  readonly memoryMiB: number;
  readonly cores: number;
  /** `isolated`: an address, but no way out of the machine. */
  readonly network: 'isolated' | 'outgoing';
  /** Host ports, on the loopback interface, to guest ports. */
  readonly forward?: ReadonlyMap<number, number>;
  /** An emulated TPM, new with each machine; none unless told. */
  readonly tpm?: '2.0' | undefined;
}

export interface QemuOptions extends Omit<Hardware, 'variables' | 'tpm'> {
  readonly accelerator: Accelerator;
  /** A file of the tool root, as a host path. */
  readonly toolFile: (path: string) => string;
  /** The machine's own copy of the UEFI variables. */
  readonly variables: string;
  /** The socket of its TPM. */
  readonly tpm?: string | undefined;
  /** Where the serial console goes: QEMU's own words for it. */
  readonly serial: readonly string[];
}

const MACHINE = { x86_64: 'q35', aarch64: 'virt' } as const satisfies Record<Arch, string>;

export const UEFI = {
  x86_64: {
    uefi: 'usr/share/OVMF/OVMF_CODE_4M.fd',
    'secure-boot': 'usr/share/OVMF/OVMF_CODE_4M.secboot.fd',
    variables: 'usr/share/OVMF/OVMF_VARS_4M.fd',
  },
  aarch64: {
    uefi: 'usr/share/AAVMF/AAVMF_CODE.no-secboot.fd',
    'secure-boot': 'usr/share/AAVMF/AAVMF_CODE.secboot.fd',
    variables: 'usr/share/AAVMF/AAVMF_VARS.fd',
  },
} as const satisfies Record<Arch, Record<Exclude<Firmware, 'bios'> | 'variables', string>>;

export function qemuProgram(arch: Arch): string {
  return `bin/qemu-system-${arch}`;
}

export function qemuArguments(options: QemuOptions): string[] {
  const { arch, accelerator, memoryMiB, cores, toolFile, serial } = options;
  const machine = ['-machine', machineOf(options), '-accel', accelerator, '-cpu', cpuOf(arch, accelerator)];
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
    ...diskArguments(options),
    ...networkArguments(options),
    ...tpmArguments(options),
    '-device',
    'virtio-rng-pci',
    ...serial,
  ];
}

/** Of a PC, only system management mode may write to the flash memory that says what firmware enforces. */
function machineOf({ arch, firmware }: QemuOptions): string {
  return guardsFlash({ arch, firmware }) ? `${MACHINE[arch]},smm=on` : MACHINE[arch];
}

function guardsFlash({ arch, firmware }: Pick<QemuOptions, 'arch' | 'firmware'>): boolean {
  return arch === 'x86_64' && firmware === 'secure-boot';
}

function cpuOf(arch: Arch, accelerator: Accelerator): string {
  if (accelerator === 'kvm') return 'host';
  // Pointer authentication as ARM defines it costs an emulator half of its speed.
  return arch === 'aarch64' ? 'max,pauth-impdef=on' : 'max';
}

function firmwareArguments({ arch, firmware, toolFile, variables }: QemuOptions): string[] {
  if (firmware === 'bios') return [];
  const code = `if=pflash,unit=0,format=raw,readonly=on,file=${escape(toolFile(UEFI[arch][firmware]))}`;
  const guard = guardsFlash({ arch, firmware }) ? ['-global', 'driver=cfi.pflash01,property=secure,value=on'] : [];
  return [...guard, '-drive', code, '-drive', `if=pflash,unit=1,format=raw,file=${escape(variables)}`];
}

const VMWARE_BUS = { bios: 'pvscsi', uefi: 'nvme', 'secure-boot': 'nvme' } as const satisfies Record<Firmware, string>;

const DISKS = {
  virtio: () => 'virtio-blk-pci',
  pvscsi: (index: number) => `scsi-hd,bus=scsi0.0,scsi-id=${index}`,
  nvme: (index: number) => `nvme,serial=disk${index}`,
} as const;

function diskArguments({ drives, firmware, peripherals = 'virtio' }: QemuOptions): string[] {
  const bus = peripherals === 'virtio' ? 'virtio' : VMWARE_BUS[firmware];
  const controller = bus === 'pvscsi' ? ['-device', 'pvscsi,id=scsi0'] : [];
  return [
    ...controller,
    ...drives.flatMap(({ path, form }, index) => {
      const file = `if=none,id=disk${index},format=${form},file=${escape(path)},discard=unmap`;
      return ['-drive', file, '-device', `${DISKS[bus](index)},drive=disk${index},bootindex=${index}`];
    }),
  ];
}

function networkArguments({ network, forward = new Map(), peripherals = 'virtio' }: QemuOptions): string[] {
  const ports = [...forward].map(([host, guest]) => `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`).join('');
  const restrict = network === 'isolated' ? ',restrict=on' : '';
  // No boot ROM: firmware would wait for a network to boot from.
  const card = peripherals === 'virtio' ? 'virtio-net-pci' : 'vmxnet3';
  return ['-netdev', `user,id=net0${restrict}${ports}`, '-device', `${card},netdev=net0,romfile=`];
}

const TPM = { x86_64: 'tpm-crb', aarch64: 'tpm-tis-device' } as const satisfies Record<Arch, string>;

function tpmArguments({ arch, tpm }: QemuOptions): string[] {
  if (tpm === undefined) return [];
  const socket = ['-chardev', `socket,id=tpm-socket,path=${escape(tpm)}`];
  return [...socket, '-tpmdev', 'emulator,id=tpm0,chardev=tpm-socket', '-device', `${TPM[arch]},tpmdev=tpm0`];
}

/** QEMU splits its options at commas; a doubled one is a comma. */
function escape(path: string): string {
  return path.replaceAll(',', ',,');
}
