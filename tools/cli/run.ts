import type { Command } from 'commander';

import { example } from './help.ts';
import type { RunVerb } from './session.ts';
export function addRun(program: Command, run: RunVerb): void {
  program
    .command('run')
    .addHelpText('after', example('run'))
    .action(() => run(() => Promise.resolve()));
}
