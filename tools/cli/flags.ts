import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

import { ARCHES } from '../config/arch.ts';
import type { Arch } from '../config/arch.ts';
import { parseSizeMiB } from '../config/size.ts';

/** Which images a verb is about. */
export interface TargetFlags {
  readonly variant?: string;
  readonly all?: boolean;
  readonly arch?: Arch;
}

/** How tasks are run. */
export interface RunFlags {
  readonly cores?: number;
  readonly memory?: number;
  readonly keepGoing?: boolean;
  readonly offline?: boolean;
}

export function addTargetFlags(command: Command): Command {
  return command
    .option('--variant <name>', 'the variant, a folder below variants/')
    .addOption(
      new Option('--arch <arch>', 'architecture; the first one the variant lists unless told').choices(ARCHES),
    );
}

/** Which Secure Boot keys. */
export interface ProfileFlags {
  readonly sbkeys: string;
}

/** When signatures are made elsewhere. */
export interface SignLaterFlags {
  readonly signLater?: string;
}

export function addProfileFlag(command: Command): Command {
  return command.option('--sbkeys <profile>', 'Secure Boot keys, a folder below sbkeys/', 'local');
}

export function addRunFlags(command: Command): Command {
  return command
    .option('--cores <n>', 'cores to use', parseCount)
    .option('--memory <size>', 'memory to use, such as 16GiB', parseMemory)
    .option('--keep-going', 'after a failure, build what does not need it')
    .option('--offline', 'open no connection; what is not in the store is an error');
}

export function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('Expected a whole number above 0.');
}

export function parseMemory(text: string): number {
  const size = parseSizeMiB(text);
  if (size !== undefined) return size;
  throw new InvalidArgumentError('Expected a size such as 512MiB or 16GiB.');
}
