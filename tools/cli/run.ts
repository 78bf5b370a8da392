import { availableParallelism } from 'node:os';

import { Option } from 'commander';
import type { Command } from 'commander';

import { ARCHES } from '../config/arch.ts';
import { planLayout } from '../image/layout.ts';
import { findDisks, openDrives, prepareVmTools } from '../recipe/boot-image.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { HOW_TO_LEAVE, runInTerminal } from '../vm/terminal.ts';
import type { Firmware } from '../vm/qemu.ts';
import { addTargetFlags, parseCount, parseMemory } from './flags.ts';
import type { TargetFlags } from './flags.ts';
import { example } from './help.ts';
import { openBench } from './open-bench.ts';
import type { RunVerb, Session } from './session.ts';

interface MachineFlags extends TargetFlags {
  readonly firmware: Firmware;
  readonly memory: number;
  readonly cores: number;
  readonly offline?: boolean;
}

/** The console stays on this terminal; more cores than this help nobody who looks around. */
const MAX_CORES = 4;

export function addRun(program: Command, run: RunVerb): void {
  addTargetFlags(program.command('run'))
    .description('Boot the newest image of a variant in QEMU, its console in this terminal; writes are forgotten')
    .addOption(new Option('--firmware <kind>', 'what starts the machine').choices(['bios', 'uefi']).default('uefi'))
    .option('--memory <size>', 'memory of the machine', parseMemory, 2048)
    .option('--cores <n>', 'cores of the machine', parseCount, Math.min(availableParallelism(), MAX_CORES))
    .option('--offline', 'open no connection to fetch QEMU, and give the machine no way out')
    .addHelpText('after', example('run --variant metal-dev', 'run --variant metal-dev --firmware bios --memory 4GiB'))
    .action((flags: MachineFlags) => run((session) => boot(session, flags)));
}

async function boot(session: Session, { offline, ...flags }: MachineFlags): Promise<void> {
  await using bench = await openBench(session, offline === true ? { offline } : {});
  const variant = wantedVariant(bench.project, flags.variant);
  const arch = flags.arch ?? variant.arches[0] ?? ARCHES[0];
  const files = findDisks(bench, variant, arch);
  const tools = await prepareVmTools(bench, bench.supply);
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
    firmware: arch === 'aarch64' ? 'uefi' : flags.firmware,
    drives,
    memoryMiB: flags.memory,
    cores: flags.cores,
    network: offline === true ? 'isolated' : 'outgoing',
  });
}
