import type { Command } from 'commander';

import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { example } from './help.ts';
import type { RunVerb } from './session.ts';

export function addClean(program: Command, run: RunVerb): void {
  program
    .command('clean')
    .description(
      'Remove what builds put into this checkout (build/); the store keeps its results, build/publish/ what was published',
    )
    .addHelpText('after', example('clean'))
    .action(() =>
      run(async ({ globals, result }) => {
        const dir = join(globals.directory, 'build');
        const names = existsSync(dir) ? await readdir(dir) : [];
        // What publishers remember cannot be built again: half an upload, values to put back.
        for (const name of names.filter((one) => one !== 'publish'))
          await rm(join(dir, name), { recursive: true, force: true });
        result(`Removed ${dir}. "build" brings it back from the store at once; "gc" shrinks the store.`, {
          removed: dir,
        });
      }),
    );
}
