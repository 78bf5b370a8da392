import type { Command } from 'commander';

import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { example } from './help.ts';
import type { RunVerb } from './session.ts';

export function addClean(program: Command, run: RunVerb): void {
  program
    .command('clean')
    .description('Remove what builds put into this checkout (build/); the store keeps its results')
    .addHelpText('after', example('clean'))
    .action(() =>
      run(async ({ globals, result }) => {
        const dir = join(globals.directory, 'build');
        await rm(dir, { recursive: true, force: true });
        result(`Removed ${dir}. "build" brings it back from the store at once; "gc" shrinks the store.`, {
          removed: dir,
        });
      }),
    );
}
