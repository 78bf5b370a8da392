/** Verbs that read a repository as hosts do, and that have it read. */
import { Option } from 'commander';
import type { Command } from 'commander';

import type { Misbehaviour } from '../tuf/serve-file.ts';
import { example } from './help.ts';
import type { DownloadFlags } from './repo-download.ts';
import { addFleetFlags, addRepoFlags } from './repo-flags.ts';
import type { ServeFlags } from './repo-serve.ts';
import type { RunVerb } from './session.ts';

/** As tuf/serve-file.ts has them: that file is loaded only to serve. */
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
export function addReading(repo: Command, run: RunVerb): void {
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
