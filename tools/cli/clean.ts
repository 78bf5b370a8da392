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
        for (const name of names.filter((one) => one !== 'publish' && one !== 'repos'))
          await rm(join(dir, name), { recursive: true, force: true });
        const kept = await cleanRepositories(join(dir, 'repos'));
        const waits = kept.map((one) => `\nKept ${one}: it waits for signatures. "repo waiting" says whose.`).join('');
        result(`Removed ${dir}. "build" brings it back from the store at once; "gc" shrinks the store.${waits}`, {
          removed: dir,
          kept,
        });
      }),
    );
}

/** What people elsewhere are signing is made once: another has other bytes. */
async function cleanRepositories(dir: string): Promise<readonly string[]> {
  if (!existsSync(dir)) return [];
  const { readWaiting } = await import('../tuf/waiting.ts');
  const kept: string[] = [];
  for (const repo of await readdir(dir, { withFileTypes: true })) {
    if (!repo.isDirectory()) continue;
    for (const output of await readdir(join(dir, repo.name), { withFileTypes: true })) {
      const path = join(dir, repo.name, output.name);
      if (output.isDirectory() && (await readWaiting(path)).length > 0) kept.push(path);
      else await rm(path, { recursive: true, force: true });
    }
  }
  if (kept.length === 0) await rm(dir, { recursive: true, force: true });
  return kept;
}
