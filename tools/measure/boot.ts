/** All that a TPM is told from the first program of a disk to the kernel's own start. */
import { firmwareMeasurements, programMeasurement, type Policy, type Program } from './firmware.ts';
import { grubMeasurements } from './grub.ts';
import { measurement, replay, type Hash, type Measurement } from './pcr.ts';
import { shimMeasurements } from './shim.ts';

/** What is on the disk. */
export interface BootChain {
  /** Absent where firmware starts GRUB itself. */
  readonly shim: Program | undefined;
  readonly grub: Program;
  readonly config: string;
  readonly kernel: Buffer;
}

/** Measured into by what is predicted, or by nobody. */
export const PCRS = [4, 7, 8, 9, 11, 14] as const;

/** `bootPartition`: GUID of the one that is booted from. */
export function bootMeasurements(chain: BootChain, policy: Policy, bootPartition: string): readonly Measurement[] {
  const { shim, grub, config, kernel } = chain;
  const { measurements, kernelLine } = grubMeasurements({ config, kernel, bootPartition });
  return [
    ...firmwareMeasurements(policy, shim ?? grub),
    ...(shim === undefined ? [] : shimMeasurements(policy, { shim: shim.content, next: grub })),
    ...measurements,
    programMeasurement({ name: 'vmlinuz', content: kernel }),
    // Under Secure Boot GRUB asks shim, which measures, and then enters the kernel behind its EFI part.
    ...(policy.type === 'secure-boot' ? [] : [loadOptions(kernelLine)]),
  ];
}

/** What the kernel's EFI part (since 6.1) measures: how it was called, without the zero at its end. */
function loadOptions(kernelLine: string): Measurement {
  const text = `BOOT_IMAGE=${kernelLine}`;
  const what = `LOADED_IMAGE::LoadOptions: ${text}`;
  return measurement(9, 'EV_EVENT_TAG', { what, content: Buffer.from(text, 'utf16le') });
}

/** PCR -> value as hex. */
export function predictedPcrs(measurements: readonly Measurement[], hash: Hash): Readonly<Record<number, string>> {
  return Object.fromEntries(PCRS.map((pcr) => [pcr, replay(measurements, pcr, hash)]));
}
