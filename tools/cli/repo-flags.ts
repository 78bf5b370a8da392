import { dirname, relative } from 'node:path';

import { Option } from 'commander';
import type { Command } from 'commander';

import { ARCHES } from '../config/arch.ts';
import type { Arch } from '../config/arch.ts';
import type { RepoOptions, RepoSurroundings } from '../recipe/update-repo.ts';
import { parseCount } from './flags.ts';
import { keyContextOf } from './key-context.ts';
import type { Session } from './session.ts';

export const EXPIRATION = [
  '--expiration <policy>',
  'how long the metadata is good for: default, or a file',
  'default',
] as const;
export const WAVES = [
  '--waves <policy>',
  'how the update reaches the fleet: default, accelerated, ohno, slow-roll, or a file',
  'default',
] as const;
export const SMOOTH = [
  '--smooth',
  'let hosts come one after the other, not in a burst at the end of each wave',
] as const;
export const START = [
  '--start <when>',
  'when the release starts: a moment, or an offset such as "2 hours"; now unless told',
] as const;
export const ALL = ['--all', 'every repository of Infra.yaml, for every variant and architecture'] as const;
export const SIGN_LATER = [
  '--sign-later <folder>',
  'where keys are not at hand, write what they have to sign to a folder, and go on when "repo sign --from" brings it back',
] as const;
export const FROM_ROOT = [
  '--from-root <version>',
  'take over what is signed by keys that a root after this one has taken away; look through it first',
  parseCount,
] as const;

/** Of every verb that signs on top of what is published. */
export function addBaseFlags(command: Command): Command {
  return command.option(...SIGN_LATER).option(...FROM_ROOT);
}

/** Which repository a verb is about. */
export type RepoFlags = RepoOptions;

/** Whose updates. */
export interface FleetFlags extends RepoFlags {
  readonly variant?: string;
  readonly arch?: Arch;
}

export function addRepoFlags(command: Command): Command {
  return command
    .option('--repo <name>', 'repository of Infra.yaml; the only one there, or "default", unless told')
    .option('--infra <file>', "another file than the checkout's Infra.yaml")
    .option(
      '--base <address>',
      'where the repository is, if not where Infra.yaml says: file:<dir>, https://... or s3://...',
    )
    .option('--endpoint <url>', 'another server that answers as S3 does')
    .option('--region <name>', 'region of the bucket');
}

export function addFleetFlags(command: Command): Command {
  return addRepoFlags(command)
    .option('--variant <name>', 'the variant')
    .addOption(
      new Option('--arch <arch>', 'architecture; the first one the variant lists unless told').choices(ARCHES),
    );
}

/** The command that publishes an output, to where the repository was read from when that was said by flags. */
export function publishCommand({ command }: Session, dir: string, { base, endpoint, region }: RepoFlags): string {
  const to = base !== undefined && /^(file|s3):/.test(base) ? base : undefined;
  const flags = { from: relative('', dir), to, endpoint, region };
  const words = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`]));
  return [command, 'repo publish', ...words].join(' ');
}

export function surroundingsOf(session: Session): RepoSurroundings {
  const { host, globals, sink } = session;
  return { projectDir: globals.directory, configDir: dirname(host.configFile), sink, ...keyContextOf(session) };
}
