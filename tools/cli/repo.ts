import type { Command } from 'commander';

import { example } from './help.ts';
import { addFleetFlags } from './repo-flags.ts';
import type { RunVerb } from './session.ts';
import type { CreateFlags } from './repo-create.ts';

/** The work of each verb is loaded when it is asked for: no other command waits for it. */
export function addRepo(program: Command, run: RunVerb): void {
  const repo = program.command('repo').description('Make, publish and tend signed repositories of updates');
  addCreate(repo, run);
}

function addCreate(repo: Command, run: RunVerb): void {
  addFleetFlags(repo.command('create'))
    .description(
      'Make a signed repository that offers the newest build of a variant, on top of the one that is published',
    )
    .option(
      '--waves <policy>',
      'how the update reaches the fleet: default, accelerated, ohno, slow-roll, or a file',
      'default',
    )
    .option('--smooth', 'let hosts come one after the other, not in a burst at the end of each wave')
    .option('--expiration <policy>', 'how long the metadata is good for: default, or a file', 'default')
    .option('--start <when>', 'when the release starts: a moment, or an offset such as "2 hours"; now unless told')
    .option('--new', 'begin a repository where there is none')
    .option('--replace', 'over an output of the same name')
    .option('--replace-update', 'in place of an update of the same version')
    .option('--allow-expired', 'on top of a repository whose metadata has expired')
    .addHelpText(
      'after',
      example(
        'repo create --variant metal-dev',
        'repo create --variant metal-dev --waves accelerated --smooth --start 2030-01-31T08:00:00Z',
      ),
    )
    .action((flags: CreateFlags) => run(async (session) => (await import('./repo-create.ts')).create(session, flags)));
}
