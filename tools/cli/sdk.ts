import type { Command } from 'commander';

import { example } from './help.ts';
import type { RunVerb } from './session.ts';
export function addSdk(program: Command, run: RunVerb): void {
  program
    .command('sdk')
    .addHelpText('after', example('sdk'))
    .action(() => run(() => Promise.resolve()));
}
