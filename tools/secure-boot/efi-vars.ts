/** UEFI variables that make a machine's firmware enforce what a profile signs (virt-firmware). */
import type { X509Certificate } from 'node:crypto';

import type { Arch } from '../config/arch.ts';
import { digestOf } from '../graph/digest.ts';
import type { Task } from '../graph/task.ts';
import type { ActionInput } from '../sandbox/action.ts';
import { actionTask } from '../sandbox/action-task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';
import { EFI_VARS, type Authority } from './profile.ts';

export interface EfiVarsBench {
  readonly sandbox: Sandbox;
  /** The tool root `vm`. */
  readonly tools: ToolRoot;
}

export type FirmwareCertificates = Readonly<Record<Exclude<Authority, 'vendor'>, X509Certificate>>;

const VARIABLES = `
guid=$1
virt-fw-vars --set-pk "$guid" /slipway/in/PK.pem --add-kek "$guid" /slipway/in/KEK.pem --add-db "$guid" /slipway/in/db.pem --secure-boot \
  --output-json /slipway/out/${EFI_VARS.qemu} --output-aws /slipway/out/${EFI_VARS.aws}
`;

/** Outputs `efi-vars.json`, for any machine of virt-firmware's, and `efi-vars.aws`, for RegisterImage's UefiData. */
export function efiVarsTask({ sandbox, tools }: EfiVarsBench, certificates: FirmwareCertificates): Task {
  return actionTask({
    sandbox,
    id: 'efi-vars/profile',
    title: 'Make UEFI variables of the certificates',
    needs: tools.tasks,
    cost: { cores: 1, memoryMiB: 128 },
    action: (inputs) => ({
      argv: ['bash', '-euc', VARIABLES, 'efi-vars', ownerOf(certificates)],
      env: {},
      layers: tools.layers(inputs),
      inputs: {
        '/slipway/in/PK.pem': text(certificates.PK.toString()),
        '/slipway/in/KEK.pem': text(certificates.KEK.toString()),
        '/slipway/in/db.pem': text(certificates.db.toString()),
      },
      outputs: { type: 'named', names: { [EFI_VARS.qemu]: 'file', [EFI_VARS.aws]: 'file' } },
    }),
  });
}

/** SignatureOwner (UEFI 32.4.1): says whose entry it is, and follows from the platform key. */
function ownerOf({ PK }: FirmwareCertificates): string {
  const hex = digestOf(PK.raw).hash;
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

/** Where each architecture's firmware of the tool root keeps its variables. */
const EMPTY = {
  x86_64: '/usr/share/OVMF/OVMF_VARS_4M.fd',
  aarch64: '/usr/share/AAVMF/AAVMF_VARS.fd',
} as const satisfies Record<Arch, string>;

const FLASH = 'exec virt-fw-vars --input "$1" --set-json /slipway/in/variables.json --output /slipway/out/variables.fd';

/** Variables as the flash memory of QEMU's firmware: output `variables.fd`. `variables` is the text of an efi-vars.json. */
export function flashTask({ sandbox, tools }: EfiVarsBench, variables: string, arch: Arch): Task {
  return actionTask({
    sandbox,
    id: `efi-flash/profile.${arch}`,
    title: 'Put UEFI variables into flash memory',
    needs: tools.tasks,
    cost: { cores: 1, memoryMiB: 256 },
    action: (inputs) => ({
      argv: ['bash', '-euc', FLASH, 'efi-flash', EMPTY[arch]],
      env: {},
      layers: tools.layers(inputs),
      inputs: { '/slipway/in/variables.json': text(variables) },
      outputs: { type: 'named', names: { 'variables.fd': 'file' } },
    }),
  });
}

function text(content: string): ActionInput {
  return { type: 'text', text: content };
}
