import { accessSync, constants, readFileSync } from 'node:fs';

import type { Arch } from '../config/arch.ts';

/** `kvm` runs guests of the machine's own architecture at full speed; `tcg` runs any, everywhere, ten times slower. */
export type Accelerator = 'kvm' | 'tcg';

const HOST_ARCH: Readonly<Record<string, Arch>> = { x64: 'x86_64', arm64: 'aarch64' };

export function findAccelerator(guest: Arch): Accelerator {
  return HOST_ARCH[process.arch] === guest && isKvmUsable() ? 'kvm' : 'tcg';
}

function isKvmUsable(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    // Some machines have the device without the processor's help, and then run no firmware.
    return process.arch === 'arm64' || /^flags\s*:.*\b(?:vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}
