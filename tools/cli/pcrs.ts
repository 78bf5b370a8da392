import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { Option } from 'commander';
import type { Command } from 'commander';

import { BuildError, Drift } from '../errors.ts';
import { predictedPcrs } from '../measure/boot.ts';
import { compareLog } from '../measure/compare.ts';
import { parseEventLog } from '../measure/event-log.ts';
import type { Policy } from '../measure/firmware.ts';
import { HASHES, type Hash } from '../measure/pcr.ts';
import { predictPcrs, type PredictedBoot, type Prediction } from '../recipe/predict-pcrs.ts';
import { formatTable } from '../report/format.ts';
import { readProfile } from '../secure-boot/read-profile.ts';
import { addProfileFlag, addRunFlags, addTargetFlags } from './flags.ts';
import type { ProfileFlags, RunFlags } from './flags.ts';
import { addFromFlag, givenImage, type GivenImageFlags } from './given-image.ts';
import { example } from './help.ts';
import { openBench } from './open-bench.ts';
import type { RunVerb, Session } from './session.ts';

interface PcrFlags extends GivenImageFlags, RunFlags, ProfileFlags {
  readonly firmware?: Policy['type'];
  readonly installed?: string;
  readonly hash: Hash;
  readonly events?: boolean;
  readonly eventLog?: string;
}

export function addPcrs(program: Command, run: RunVerb): void {
  const command = program
    .command('pcrs')
    .description("Predict what a machine's TPM holds when it has booted a finished image: PCR 4, 7, 8, 9, 11 and 14");
  addFromFlag(addProfileFlag(addRunFlags(addTargetFlags(command))))
    .addOption(
      new Option('--firmware <kind>', 'what starts the machine; secure-boot for a signed image unless told').choices([
        'uefi',
        'secure-boot',
      ] satisfies Policy['type'][]),
    )
    .option(
      '--installed <folder>',
      'the image the machine was installed from, if it got this one by an update: those leave loaders and partition table alone',
    )
    .addOption(new Option('--hash <name>', 'of which bank of PCRs').choices(HASHES).default('sha256'))
    .option('--events', 'print what is measured, in its order')
    .option(
      '--event-log <file>',
      "a machine's binary_bios_measurements: say where it differs, with the status of drift",
    )
    .addHelpText(
      'after',
      example(
        'pcrs --variant metal-dev',
        'pcrs --variant metal-dev --sbkeys release --from build/downloads/x86_64-metal-dev --json',
        'pcrs --variant metal-dev --installed build/images/x86_64-metal-dev/1.0.0-3f2a91c7',
        'pcrs --variant metal-dev --event-log binary_bios_measurements',
      ),
    )
    .action((flags: PcrFlags) => run((session) => pcrs(session, flags)));
}

async function pcrs(session: Session, flags: PcrFlags): Promise<void> {
  await using bench = await openBench(session, flags);
  const prediction = await predictPcrs(bench, {
    ...givenImage(bench, flags),
    firmware: flags.firmware,
    profile: () => readProfile(bench.project.dir, flags.sbkeys, new Date()),
    installed: flags.installed === undefined ? undefined : resolve(flags.installed),
  });
  if (flags.eventLog !== undefined) return tellDifferences(session, prediction, flags.eventLog);
  session.result(describe(prediction, flags), toJson(prediction));
}

function describe({ firmware, disk, boots }: Prediction, flags: PcrFlags): string {
  const keys = firmware === 'secure-boot' ? `with Secure Boot, and the keys "${flags.sbkeys}"` : 'without Secure Boot';
  return [
    `${disk}\nFirmware ${keys}; nothing was started before. Bank ${flags.hash}:`,
    ...boots.map((boot) => {
      const values = predictedPcrs(boot.measurements, flags.hash);
      const rows = Object.entries(values).map(([pcr, value]) => [`  PCR ${pcr}`, value]);
      const events = boot.measurements.map(({ pcr, type, what }) => `  PCR ${pcr}  ${type}  ${oneLine(what)}`);
      return [`${place(boot)}:`, formatTable(rows), ...(flags.events === true ? events : [])].join('\n');
    }),
  ].join('\n');
}

/** What is in a block of grub.cfg is measured as one. */
function oneLine(text: string): string {
  return text.replaceAll('\n', String.raw`\n`);
}

function place({ bank, bootPartition }: PredictedBoot): string {
  return `Booted from ${bank} (${bootPartition})`;
}

function toJson({ boots, ...rest }: Prediction): unknown {
  return {
    ...rest,
    boots: boots.map(({ measurements, ...boot }) => ({
      ...boot,
      pcrs: Object.fromEntries(HASHES.map((hash) => [hash, predictedPcrs(measurements, hash)])),
      events: measurements.map(({ pcr, type, what, digest }) => ({
        pcr,
        type,
        what,
        digests: Object.fromEntries(HASHES.map((hash) => [hash, digest(hash).toString('hex')])),
      })),
    })),
  };
}

/** Of the boots that were predicted, the machine did the one that its log is closest to. */
function tellDifferences(session: Session, { boots }: Prediction, file: string): void {
  const log = parseEventLog(readFileSync(file), file);
  const [closest] = boots
    .map((boot) => ({ boot, differences: compareLog(boot.measurements, log) }))
    .toSorted((a, b) => a.differences.length - b.differences.length);
  if (closest === undefined) throw new TypeError('there is a partition to boot from');
  const { boot, differences } = closest;
  if (differences.length > 0) {
    throw new Drift(
      differences.map(({ pcr, number, expected = 'nothing more', got = 'nothing more' }) => {
        const message = `"${file}" is not of this image: measurement ${number} of PCR ${pcr}: expected ${expected}, got ${got}`;
        return new BuildError('secure-boot/other-measurement', message);
      }),
    );
  }
  session.result(`${file} is as predicted. ${place(boot)}`, {
    file,
    bank: boot.bank,
    bootPartition: boot.bootPartition,
  });
}
