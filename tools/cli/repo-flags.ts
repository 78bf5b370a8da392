import { dirname, relative } from 'node:path';

import { Option } from 'commander';
import type { Command } from 'commander';

import { ARCHES } from '../config/arch.ts';
import type { Arch } from '../config/arch.ts';
import type { RepoOptions, RepoSurroundings } from '../recipe/update-repo.ts';
import { keyContextOf } from './key-context.ts';
import type { Session } from './session.ts';

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
