/** Verbs that look at what is published, and keep it good. */
import { Option } from 'commander';
import type { Command } from 'commander';

import { example } from './help.ts';
import { addBaseFlags, addFleetFlags, ALL, EXPIRATION } from './repo-flags.ts';
import type { RefreshFlags } from './repo-refresh.ts';
import type { ExpirationFlags } from './repo-expirations.ts';
import type { TendFlags } from './repo-wards.ts';
import type { RunVerb } from './session.ts';

export function addTending(repo: Command, run: RunVerb): void {
  addFleetFlags(repo.command('validate'))
    .description('Look for whatever a host would stumble over; exit status 2 when there is something')
    .option(...ALL)
    .option('--quick', 'ask for the sizes of targets, and read none of them')
    .addHelpText('after', example('repo validate --variant metal-dev', 'repo validate --all --quick'))
    .action((flags: TendFlags) =>
      run(async (session) => (await import('./repo-validate.ts')).validate(session, flags)),
    );
  addFleetFlags(repo.command('check-expirations'))
    .description('Say when metadata expires; exit status 2 when it is soon')
    .option(...ALL)
    .option('--within <offset>', 'what is soon', '3 days')
    .addHelpText('after', example('repo check-expirations --all --within "1 week"'))
    .action((flags: ExpirationFlags) =>
      run(async (session) => (await import('./repo-expirations.ts')).checkExpirations(session, flags)),
    );
  addBaseFlags(addFleetFlags(repo.command('refresh')))
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
    .action((flags: RefreshFlags) =>
      run(async (session) => (await import('./repo-refresh.ts')).refresh(session, flags)),
    );
}
