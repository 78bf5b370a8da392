import type { Command } from 'commander';

import { example } from './help.ts';
import type { CreateFlags } from './repo-create.ts';
import { addEdits } from './repo-edit-verbs.ts';
import { addBaseFlags, addFleetFlags, addRepoFlags, EXPIRATION, SMOOTH, START, WAVES } from './repo-flags.ts';
import type { PublishFlags } from './repo-publish.ts';
import { addReading } from './repo-read-verbs.ts';
import { addSigning } from './repo-sign-verbs.ts';
import { addTending } from './repo-tend-verbs.ts';
import type { RunVerb } from './session.ts';

/** The work of each verb is loaded when it is asked for: no other command waits for it. */
export function addRepo(program: Command, run: RunVerb): void {
  const repo = program.command('repo').description('Make, publish and tend signed repositories of updates');
  addCreate(repo, run);
  addPublish(repo, run);
  addSigning(repo, run);
  addTending(repo, run);
  addEdits(repo, run);
  addReading(repo, run);
}

function addCreate(repo: Command, run: RunVerb): void {
  addBaseFlags(addFleetFlags(repo.command('create')))
    .description(
      'Make a signed repository that offers the newest build of a variant, on top of the one that is published',
    )
    .option(...WAVES)
    .option(...SMOOTH)
    .option(...EXPIRATION)
    .option(...START)
    .option('--new', 'begin a repository where there is none')
    .option('--replace', 'over an output of the same name')
    .option('--replace-update', 'in place of an update of the same version')
    .option('--allow-expired', 'on top of a repository whose metadata has expired')
    .addHelpText(
      'after',
      example(
        'repo create --variant metal-dev',
        'repo create --variant metal-dev --waves accelerated --smooth --start 2030-01-31T08:00:00Z',
        'repo create --variant metal-dev --sign-later /media/request',
      ),
    )
    .action((flags: CreateFlags) =>
      run(async (session) => {
        await (await import('./repo-create.ts')).create(session, flags);
      }),
    );
}

function addPublish(repo: Command, run: RunVerb): void {
  addRepoFlags(repo.command('publish'))
    .description('Bring a repository to where hosts read it: targets, then metadata, and the timestamp last')
    .option('--from <dir>', 'which output; the newest unless told')
    .option('--to <address>', 'where to, if not where Infra.yaml says: file:<dir> or s3://<bucket>/<prefix>')
    .option('--plan', 'say what would be written, and write nothing')
    .addHelpText(
      'after',
      example('repo publish --to file:/srv/updates --plan', 'repo publish --to s3://updates.example/2030'),
    )
    .action((flags: PublishFlags) =>
      run(async (session) => (await import('./repo-publish.ts')).publish(session, flags)),
    );
}
