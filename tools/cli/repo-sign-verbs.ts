/** Verbs for keys that are not where the repository is made. */
import type { Command } from 'commander';

import { example } from './help.ts';
import { addRepoFlags, FROM_ROOT } from './repo-flags.ts';
import type { SignFlags, WaitingFlags } from './repo-sign.ts';
import type { RunVerb } from './session.ts';

const KEY = 'file:<pem>, aws-kms:<id>, aws-ssm:<parameter> or pkcs11:<uri>';

export function addSigning(repo: Command, run: RunVerb): void {
  addRepoFlags(repo.command('sign'))
    .description('Sign what "--sign-later" has written, or go on with the signatures that came back')
    .argument('[folder]', 'sign what waits in this folder')
    .option('--key <keys...>', `with these: ${KEY}; those of the role in "signing-keys" of Infra.yaml unless told`)
    .option('--plan', 'say what would be signed, and sign nothing')
    .option('--from <folder>', 'take the signatures in this folder; with enough of them the repository is done')
    .option('--allow-expired', 'on top of a repository whose metadata has expired')
    .option(...FROM_ROOT)
    .addHelpText(
      'after',
      example(
        'repo sign /media/request --plan',
        'repo sign /media/request --key file:/media/usb/alice.pem',
        'repo sign --from /media/request',
      ),
    )
    .action((folder: string | undefined, flags: SignFlags) =>
      run(async (session) => (await import('./repo-sign.ts')).sign(session, folder, flags)),
    );
  addRepoFlags(repo.command('waiting'))
    .description('Say what waits for signatures, and whose are lacking')
    .option('--sign-later <folder>', 'write what is to be signed to a folder, once more')
    .addHelpText('after', example('repo waiting', 'repo waiting --sign-later /media/request'))
    .action((flags: WaitingFlags) =>
      run(async (session) => (await import('./repo-sign.ts')).showWaiting(session, flags)),
    );
}
