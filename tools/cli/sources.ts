import type { Command } from 'commander';

import { pinToolchain } from '../recipe/pin-toolchain.ts';
import { updateSources } from '../recipe/update-sources.ts';
import type { UpdatedSource } from '../recipe/update-sources.ts';
import { formatBytes } from '../report/format.ts';
import { example } from './help.ts';
import { openBench } from './open-bench.ts';
import type { RunVerb } from './session.ts';

export function addSources(program: Command, run: RunVerb): void {
  const sources = program.command('sources').description('Pin what Go programs are made of');
  sources
    .command('update')
    .description('Resolve Go programs with the modules of today, and write the digest of each into its package.yaml')
    .option('--package <name>', 'of one package; of all unless told')
    .addHelpText('after', example('sources update --package runc', 'sources update'))
    .action(({ package: name }: { readonly package?: string }) =>
      run(async (session) => {
        await using bench = await openBench(session);
        const updated: UpdatedSource[] = [];
        await updateSources(bench, name, (each) => updated.push(each));
        session.result(updated.map(describe).join('\n') || 'No Go program is pinned there', updated);
      }),
    );
  sources
    .command('pin-go')
    .description('Fetch a version of Go, and pin it for programs to be compiled by')
    .argument('<version>', 'such as 1.26.8')
    .addHelpText('after', example('sources pin-go 1.26.8'))
    .action((version: string) =>
      run(async (session) => {
        await using bench = await openBench(session);
        const pinned = await pinToolchain(bench, version);
        session.result(`Go ${version} is pinned: name it as "toolchain" of a Go program`, pinned);
      }),
    );
}

function describe({ package: name, bundle, bytes, before, sha512 }: UpdatedSource): string {
  const what = before === sha512 ? 'is as it was' : `is now ${sha512.slice(0, 16)}...`;
  return `packages/${name}: ${bundle} (${formatBytes(bytes)}) ${what}`;
}
