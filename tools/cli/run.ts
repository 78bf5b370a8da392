import { availableParallelism } from 'node:os';

import { Option } from 'commander';
import type { Command } from 'commander';

import { ARCHES } from '../config/arch.ts';
import type { Arch } from '../config/arch.ts';
import { planLayout } from '../image/layout.ts';
import { findDisks, openDrives, prepareVariables, prepareVmTools } from '../recipe/boot-image.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { readProfile } from '../secure-boot/read-profile.ts';
import { HOW_TO_LEAVE, runInTerminal } from '../vm/terminal.ts';
import { FIRMWARES } from '../vm/qemu.ts';
import type { Firmware, Hardware } from '../vm/qemu.ts';
import { addProfileFlag, addTargetFlags, parseCount, parseMemory } from './flags.ts';
import type { ProfileFlags, TargetFlags } from './flags.ts';
import { example } from './help.ts';
import { openBench } from './open-bench.ts';
import type { Bench } from './open-bench.ts';
import type { RunVerb, Session } from './session.ts';

interface MachineFlags extends TargetFlags, ProfileFlags {
  readonly firmware: Firmware;
  readonly memory: number;
  readonly cores: number;
  readonly offline?: boolean;
  readonly tpm?: boolean;
}

/** The console stays on this terminal; more cores than this help nobody who looks around. */
const MAX_CORES = 4;

export function addRun(program: Command, run: RunVerb): void {
  addProfileFlag(addTargetFlags(program.command('run')))
    .description('Boot the newest image of a variant in QEMU, its console in this terminal; writes are forgotten')
    .addOption(new Option('--firmware <kind>', 'what starts the machine').choices(FIRMWARES).default('uefi'))
    .option('--memory <size>', 'memory of the machine', parseMemory, 2048)
    .option('--cores <n>', 'cores of the machine', parseCount, Math.min(availableParallelism(), MAX_CORES))
    .option('--tpm', 'give the machine a TPM 2.0, with nothing in it')
    .option('--offline', 'open no connection to fetch QEMU, and give the machine no way out')
    .addHelpText('after', example('run --variant metal-dev', 'run --variant metal-dev --firmware secure-boot'))
    .action((flags: MachineFlags) => run((session) => boot(session, flags)));
}

async function boot(session: Session, { offline, ...flags }: MachineFlags): Promise<void> {
  await using bench = await openBench(session, offline === true ? { offline } : {});
  const variant = wantedVariant(bench.project, flags.variant);
  const arch = flags.arch ?? variant.arches[0] ?? ARCHES[0];
  const files = findDisks(bench, variant, arch);
  const tools = await prepareVmTools(bench, bench.supply);
  const firmware = await firmwareOf(bench, flags, arch);
  await using work = bench.store.makeWorkDir();
  const { volumes } = planLayout({ image: variant.image, osName: bench.project.release.name });
  const drives = await openDrives(tools, files, { dir: work.path, sizeGiB: volumes.dataGiB ?? volumes.osGiB });
  session.result(`Booting ${variant.name} for ${arch}. ${HOW_TO_LEAVE}.`, {
    variant: variant.name,
    arch,
    disks: files,
  });
  await runInTerminal(tools, {
    arch,
    ...firmware,
    drives,
    memoryMiB: flags.memory,
    cores: flags.cores,
    network: offline === true ? 'isolated' : 'outgoing',
    ...(flags.tpm === true && { tpm: '2.0' as const }),
  });
}

/** What starts the machine, and under Secure Boot what it is to trust. */
async function firmwareOf(
  bench: Bench,
  { firmware, sbkeys }: MachineFlags,
  arch: Arch,
): Promise<Pick<Hardware, 'firmware' | 'variables'>> {
  if (firmware !== 'secure-boot') return { firmware: arch === 'aarch64' ? 'uefi' : firmware };
  const profile = readProfile(bench.project.dir, sbkeys, new Date());
  return { firmware, variables: await prepareVariables(bench, bench.supply, { profile, arch }) };
}
