/** Verbs that change what is published. */
import type { Command } from 'commander';

import { example } from './help.ts';
import type { EditFlags } from './repo-proposal.ts';
import { addBaseFlags, addFleetFlags, EXPIRATION, SMOOTH, START, WAVES } from './repo-flags.ts';
import type { WavesFlags } from './repo-waves.ts';
import type { RunVerb } from './session.ts';

export function addEdits(repo: Command, run: RunVerb): void {
  addWaveVerbs(repo, run);
  addVersionVerbs(repo, run);
}

/** Flags of every verb that changes what is published. */
function addEdit(repo: Command, name: string, description: string): Command {
  return addBaseFlags(addFleetFlags(repo.command(name)))
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
