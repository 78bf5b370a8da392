import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { BuildError, throwAll } from '../errors.ts';
import { parseGrubConfig } from '../image/boot-config.ts';
import { osDisk, guidsOf, takeChainTask } from '../image/repack.ts';
import { bootMeasurements, type BootChain } from '../measure/boot.ts';
import { parseVariables, type Policy } from '../measure/firmware.ts';
import type { Measurement } from '../measure/pcr.ts';
import { readFile } from '../secure-boot/bytes-task.ts';
import { signaturesOf } from '../secure-boot/pe.ts';
import { EFI_VARS, type Profile } from '../secure-boot/profile.ts';
import { vendorCertificateOf } from '../secure-boot/slots.ts';
import { takeApart, type GivenImage, type TakenApart } from './given-image.ts';
import { runPhase, type Workbench } from './workbench.ts';

export interface PcrRequest extends GivenImage {
  /** What starts the machine: as the image is signed or not, unless told. */
  readonly firmware?: Policy['type'] | undefined;
  /** The keys that firmware knows. */
  readonly profile: () => Profile;
  /** Where the image is that the machine was installed from, if it got this one by an update: those leave ESP and partition table alone. */
  readonly installed?: string | undefined;
}

/** What is measured when it boots from one partition. */
export interface PredictedBoot {
  /** `BOOT-A` */
  readonly bank: string;
  /** Its unique GUID. */
  readonly bootPartition: string;
  readonly measurements: readonly Measurement[];
}

export interface Prediction {
  readonly firmware: Policy['type'];
  /** The file that was looked into. */
  readonly disk: string;
  readonly boots: readonly PredictedBoot[];
}

/**
 * What a TPM is told when a finished image boots, from the image's own bytes.
 * @throws BuildErrors image/not-built, image/other-layout, image/other-boot-config, secure-boot/not-signed, secure-boot/other-profile,
 * secure-boot/not-predicted
 */
export async function predictPcrs(bench: Workbench, request: PcrRequest): Promise<Prediction> {
  assertKnown(request);
  const taken = await takeApart(bench, request);
  const booted = await takeChain(bench, taken);
  const { installed } = request;
  const base = installed === undefined ? taken : await takeApart(bench, { ...request, from: installed });
  const chain = base === taken ? booted : { ...booted, ...loadersOf(await takeChain(bench, base)) };
  const type = request.firmware ?? (chain.shim === undefined ? 'uefi' : 'secure-boot');
  const policy = policyOf(type, chain, { disk: base.disk, profile: request.profile });
  return {
    firmware: type,
    disk: taken.disk,
    boots: banksOf(base).map((boot) => ({
      ...boot,
      measurements: bootMeasurements(chain, policy, boot.bootPartition),
    })),
  };
}

/** Elsewhere the kernel is entered in another way, which nobody has compared with a TPM. */
function assertKnown({ variant, arch }: PcrRequest): void {
  if (arch === 'x86_64') return;
  throw new BuildError(
    'secure-boot/not-predicted',
    `Cannot predict PCRs of "${variant.name}" for ${arch}: expected x86_64, for which it is known what is measured`,
    { hint: 'Read them from a machine that has booted the image: /sys/class/tpm/tpm0/pcr-sha256/' },
  );
}

function loadersOf({ shim, grub }: BootChain): Pick<BootChain, 'shim' | 'grub'> {
  return { shim, grub };
}

async function takeChain(bench: Workbench, { image, apart }: TakenApart): Promise<BootChain> {
  const task = takeChainTask(image, apart);
  const result = await runPhase(bench, 'Take out what is measured', [task]);
  const read = (output: string) => readFile(bench.store, result, { task, output });
  const config = read('grub.cfg').toString();
  // What it does is known of a text that a build writes, and of no other.
  parseGrubConfig(config);
  const [first, grub] = [read('boot.efi'), read('grub.efi')];
  const isSigned = grub.length > 0;
  return {
    shim: isSigned ? { name: 'shim', content: first } : undefined,
    grub: { name: 'GRUB', content: isSigned ? grub : first },
    config,
    kernel: read('vmlinuz'),
  };
}

function banksOf({ image, table }: TakenApart): readonly Omit<PredictedBoot, 'measurements'>[] {
  const guids = guidsOf(table);
  return osDisk(image.layout)
    .partitions.filter(({ key }) => key.startsWith('BOOT-'))
    .map(({ key, number }) => ({ bank: key, bootPartition: guids.get(number) ?? '' }));
}

interface Keys {
  readonly disk: string;
  readonly profile: () => Profile;
}

function policyOf(type: Policy['type'], { shim }: BootChain, { disk, profile }: Keys): Policy {
  if (type === 'uefi') return { type };
  if (shim === undefined) {
    throw new BuildError(
      'secure-boot/not-signed',
      `Cannot predict PCRs of "${disk}": its boot chain is not signed, and firmware with Secure Boot does not start it`,
      { hint: 'Leave out --firmware, or build the image with image.features.uefi-secure-boot set to true' },
    );
  }
  const keys = profile();
  throwAll(checkSigner(shim.content, keys, disk));
  const variables = parseVariables(readFileSync(join(keys.dir, EFI_VARS.qemu), 'utf8'));
  return { type, variables, authority: keys.certificates.db.raw };
}

/** A machine that knows other keys starts nothing of the image. */
function checkSigner(shim: Buffer, { name, signers, certificates }: Profile, disk: string): BuildError[] {
  const parts = [
    ['shim', signaturesOf(shim).includes(signers['shim-sign'].raw)],
    ['the vendor certificate in shim', vendorCertificateOf(shim).equals(certificates.vendor.raw)],
  ] as const;
  const others = parts.filter(([, isOwn]) => !isOwn).map(([what]) => what);
  if (others.length === 0) return [];
  const message = `Cannot predict PCRs of "${disk}": ${others.join(' and ')} ${others.length === 1 ? 'is' : 'are'} not of the keys "${name}"`;
  const hint = 'Name the profile the image was signed by: --sbkeys <profile>';
  return [new BuildError('secure-boot/other-profile', message, { hint })];
}
