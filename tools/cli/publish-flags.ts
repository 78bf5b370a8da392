import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import type { Permission } from '../aws/permissions.ts';
import { permissionSchema } from '../aws/permissions.ts';
import { addTargetFlags } from './flags.ts';
import type { TargetFlags } from './flags.ts';

/** Which image a publishing verb is about, and where it goes. */
export interface PublishFlags extends TargetFlags {
  readonly image?: string;
  readonly regions?: readonly string[];
  readonly infra?: string;
  readonly patience: number;
}

export function addPublishFlags(command: Command): Command {
  return addTargetFlags(command)
    .option(
      '--image <version-build>',
      'which build, a folder below build/images/<arch>-<variant>/; the newest unless told',
    )
    .option('--regions <list>', 'regions, with commas between; those of Infra.yaml unless told', parseList)
    .option('--infra <file>', 'another file than Infra.yaml of this checkout')
    .option('--patience <seconds>', 'how long a call that fails is tried again', parseSeconds, 120);
}

/** Of the AMI itself; part of its content or of its name. */
export interface AmiFlags extends PublishFlags {
  readonly name?: string;
  readonly description?: string;
  readonly uefiData?: string;
}

export function addAmiFlags(command: Command): Command {
  return addPublishFlags(command)
    .option('--name <name>', 'name of the AMI; <os>-<variant>-<arch>-v<version>-<build> unless told')
    .option('--description <text>', 'description of the AMI')
    .option('--uefi-data <file>', 'UEFI variables with the Secure Boot keys, as EC2 takes them (base64)');
}

export interface WhoFlags {
  readonly accounts?: readonly string[];
  readonly groups?: readonly string[];
  readonly organizations?: readonly string[];
  readonly organizationalUnits?: readonly string[];
}

export function addWhoFlags(command: Command): Command {
  return command
    .option('--accounts <list>', 'accounts of 12 digits', parseList)
    .option('--groups <list>', 'groups; there is one: all', parseList)
    .option('--organizations <list>', 'ARNs of organizations', parseList)
    .option('--organizational-units <list>', 'ARNs of organizational units', parseList);
}

export function readWho({
  accounts = [],
  groups = [],
  organizations = [],
  organizationalUnits = [],
}: WhoFlags): readonly Permission[] {
  return [
    ...groups.map((group) => ({ group })),
    ...accounts.map((userid) => ({ userid })),
    ...organizations.map((organizationarn) => ({ organizationarn })),
    ...organizationalUnits.map((organizationalunitarn) => ({ organizationalunitarn })),
  ].map((permission) => permissionSchema.parse(permission));
}

export function parseList(text: string): readonly string[] {
  const list = text.split(',').map((word) => word.trim());
  if (list.length > 0 && list.every((word) => word !== '')) return list;
  throw new InvalidArgumentError('Expected names with commas between.');
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new InvalidArgumentError('Expected a number of seconds above 0.');
}

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
]);

/** `36h`, `7d`, `2w` -> milliseconds. */
export function parseAge(text: string): number {
  const [, count = '', unit = ''] = /^(\d+)([hdw])$/.exec(text) ?? [];
  const factor = UNIT_MS.get(unit);
  if (factor === undefined) throw new InvalidArgumentError('Expected a time such as 12h, 30d or 4w.');
  return Number(count) * factor;
}
