import { Option } from 'commander';
import type { Command } from 'commander';

import { example } from './help.ts';
import type { CreateFlags } from './repo-create.ts';
import type { DownloadFlags } from './repo-download.ts';
import type { EditFlags } from './repo-edit.ts';
import { addFleetFlags, addRepoFlags } from './repo-flags.ts';
import type { PublishFlags } from './repo-publish.ts';
import type { ServeFlags } from './repo-serve.ts';
import type { ExpirationFlags, RefreshFlags, TendFlags } from './repo-tend.ts';
import type { WavesFlags } from './repo-waves.ts';
import type { RunVerb } from './session.ts';
import type { Misbehaviour } from '../tuf/serve.ts';

const EXPIRATION = [
  '--expiration <policy>',
  'how long the metadata is good for: default, or a file',
  'default',
] as const;
const WAVES = [
  '--waves <policy>',
  'how the update reaches the fleet: default, accelerated, ohno, slow-roll, or a file',
  'default',
] as const;
const SMOOTH = ['--smooth', 'let hosts come one after the other, not in a burst at the end of each wave'] as const;
const START = [
  '--start <when>',
  'when the release starts: a moment, or an offset such as "2 hours"; now unless told',
] as const;
/** As tuf/serve.ts has them: that file is loaded only to serve. */
const MISBEHAVIOURS = [
  'fail-first',
  'slow',
  'truncate',
  'endless',
  'corrupt',
  'html-for-missing',
  'forbid-missing',
  'no-range',
] as const satisfies readonly Misbehaviour[];
const ALL = ['--all', 'every repository of Infra.yaml, for every variant and architecture'] as const;

/** The work of each verb is loaded when it is asked for: no other command waits for it. */
export function addRepo(program: Command, run: RunVerb): void {
  const repo = program.command('repo').description('Make, publish and tend signed repositories of updates');
  addCreate(repo, run);
  addPublish(repo, run);
  addTending(repo, run);
  addWaveVerbs(repo, run);
  addVersionVerbs(repo, run);
  addReading(repo, run);
}

function addCreate(repo: Command, run: RunVerb): void {
  addFleetFlags(repo.command('create'))
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
      ),
    )
    .action((flags: CreateFlags) => run(async (session) => (await import('./repo-create.ts')).create(session, flags)));
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

function addTending(repo: Command, run: RunVerb): void {
  addFleetFlags(repo.command('validate'))
    .description('Look for whatever a host would stumble over; exit status 2 when there is something')
    .option(...ALL)
    .option('--quick', 'ask for the sizes of targets, and read none of them')
    .addHelpText('after', example('repo validate --variant metal-dev', 'repo validate --all --quick'))
    .action((flags: TendFlags) => run(async (session) => (await import('./repo-tend.ts')).validate(session, flags)));
  addFleetFlags(repo.command('check-expirations'))
    .description('Say when metadata expires; exit status 2 when it is soon')
    .option(...ALL)
    .option('--within <offset>', 'what is soon', '3 days')
    .addHelpText('after', example('repo check-expirations --all --within "1 week"'))
    .action((flags: ExpirationFlags) =>
      run(async (session) => (await import('./repo-tend.ts')).checkExpirations(session, flags)),
    );
  addFleetFlags(repo.command('refresh'))
    .description('Sign what is published anew, so that it is good for longer')
    .option(...ALL)
    .option(...EXPIRATION)
    .option('--allow-expired', 'even what has expired')
    .addOption(
      new Option(
        '--keep <role>',
        'leave it as it is signed, where its keys are not at hand; "snapshot" keeps the targets too',
      ).choices(['targets', 'snapshot']),
    )
    .addHelpText('after', example('repo refresh --variant metal-dev', 'repo refresh --all --keep targets'))
    .action((flags: RefreshFlags) => run(async (session) => (await import('./repo-tend.ts')).refresh(session, flags)));
}

/** Flags of every verb that changes what is published. */
function addEdit(repo: Command, name: string, description: string): Command {
  return addFleetFlags(repo.command(name))
    .description(description)
    .option(...EXPIRATION)
    .option('--yes', 'do not ask');
}

function addWaveVerbs(repo: Command, run: RunVerb): void {
  addFleetFlags(repo.command('waves'))
    .description('Show the share of the fleet at each hour, by the formula the hosts use')
    .option('--policy <policy>', 'of a policy: default, accelerated, ohno, slow-roll, or a file', 'default')
    .option(...SMOOTH)
    .option(...START)
    .option('--version <version>', 'of an update as it is published')
    .addHelpText('after', example('repo waves --policy default', 'repo waves --policy ohno --smooth'))
    .action((flags: WavesFlags) => run(async (session) => (await import('./repo-waves.ts')).showWaves(session, flags)));
  addEdit(repo, 'set-waves', 'Give an update other waves')
    .requiredOption('--version <version>', 'which update')
    .option(...WAVES)
    .option(...SMOOTH)
    .option(...START)
    .addHelpText('after', example('repo set-waves --variant metal-dev --version 1.2.0 --waves accelerated'))
    .action((flags: EditFlags & { version: string; waves: string }) =>
      run(async (session) => (await import('./repo-edit.ts')).changeWaves(session, flags)),
    );
  addEdit(repo, 'pause', 'Offer an update to nobody who was not offered it yet')
    .requiredOption('--version <version>', 'which update')
    .option('--until <when>', 'a moment, or an offset; a year unless told, and "set-waves" ends it sooner', '52 weeks')
    .addHelpText('after', example('repo pause --variant metal-dev --version 1.2.0'))
    .action((flags: EditFlags & { version: string; until: string }) =>
      run(async (session) => (await import('./repo-edit.ts')).pause(session, flags)),
    );
}

function addVersionVerbs(repo: Command, run: RunVerb): void {
  addEdit(repo, 'withdraw', 'Take an update out; hosts that have it keep it')
    .requiredOption('--version <version>', 'which update')
    .option('--downgrade', 'have hosts that have it step down to the newest that is left')
    .addHelpText('after', example('repo withdraw --variant metal-dev --version 1.2.0 --downgrade'))
    .action((flags: EditFlags & { version: string }) =>
      run(async (session) => (await import('./repo-edit.ts')).withdraw(session, flags)),
    );
  addEdit(repo, 'set-max-version', 'Say how far hosts may go; those beyond it step down')
    .argument('<version>', 'the greatest version hosts may have')
    .addHelpText('after', example('repo set-max-version 1.1.0 --variant metal-dev'))
    .action((version: string, flags: EditFlags) =>
      run(async (session) => (await import('./repo-edit.ts')).changeMaxVersion(session, flags, version)),
    );
  addEdit(repo, 'rollback', 'Sign anew what the repository held at an earlier version')
    .option('--to <version>', 'a version of the targets role; lists those that are there unless told')
    .addHelpText(
      'after',
      example('repo rollback --variant metal-dev', 'repo rollback --variant metal-dev --to 1893456000'),
    )
    .action((flags: EditFlags) => run(async (session) => (await import('./repo-edit.ts')).rollback(session, flags)));
}

function addReading(repo: Command, run: RunVerb): void {
  addFleetFlags(repo.command('download'))
    .description('Bring the images and the kernel-module kit of a variant, checked as a host checks them')
    .option('--version <version>', 'which version; the newest unless told')
    .option('--out <dir>', 'where to; build/downloads/<arch>-<variant> unless told')
    .addHelpText('after', example('repo download --variant metal-dev --base https://updates.example/2030'))
    .action((flags: DownloadFlags) =>
      run(async (session) => (await import('./repo-download.ts')).download(session, flags)),
    );
  addRepoFlags(repo.command('serve'))
    .description('Serve a repository on the loopback interface, for tests; it can be told to misbehave')
    .option('--dir <dir>', 'which directory; the newest output unless told')
    .option('--port <n>', 'port to listen on; a free one unless told', '0')
    .addOption(new Option('--misbehave <kinds...>', 'in which ways').choices(MISBEHAVIOURS).default([]))
    .addHelpText('after', example('repo serve --port 8080', 'repo serve --misbehave fail-first slow'))
    .action((flags: ServeFlags) =>
      run(async (session) => (await import('./repo-serve.ts')).serveRepository(session, flags)),
    );
}
