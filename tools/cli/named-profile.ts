import type { Command } from 'commander';

import type { Profile } from '../secure-boot/profile.ts';
import { readProfile } from '../secure-boot/read-profile.ts';
import type { Session } from './session.ts';

/** Of verbs that are about nothing but a profile. */
export interface NamedProfileFlags {
  readonly profile: string;
}

export function profileFlag(command: Command): Command {
  return command.option('--profile <name>', 'the profile, a folder below sbkeys/', 'local');
}

export function namedProfile({ globals }: Session, { profile }: NamedProfileFlags): Profile {
  return readProfile(globals.directory, profile, new Date());
}
