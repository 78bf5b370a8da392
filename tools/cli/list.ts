import { existsSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import { Argument } from 'commander';
import type { Command } from 'commander';

import { readProject } from '../config/project.ts';
import type { Project } from '../config/project.ts';
import { formatTable } from '../report/format.ts';
import { example } from './help.ts';
import type { RunVerb } from './session.ts';

export function addList(program: Command, run: RunVerb): void {
  program
    .command('list')
    .description('List variants or packages')
    .addArgument(new Argument('[what]', 'what to list').choices(['variants', 'packages']).default('variants'))
    .addHelpText('after', example('list', 'list packages', '--json list variants'))
    .action((what: 'variants' | 'packages') =>
      run(({ globals, result }) => {
        const project = readProject(globals.directory);
        const rows = what === 'variants' ? listVariants(project) : listPackages(project);
        const columns = Object.keys(rows[0] ?? {});
        result(formatTable([columns, ...rows.map((row) => Object.values(row))]), rows);
        return Promise.resolve();
      }),
    );
}

function listVariants({ dir, variants }: Project): Record<string, string>[] {
  return [...variants.values()].flatMap(({ name, arches, packages, image }) =>
    arches.map((arch) => ({
      variant: name,
      arch,
      format: image.format,
      disks: `${image.layout.plan}, ${image.layout.os / 1024} + ${image.layout.data / 1024} GiB`,
      'last build': lastBuild(join(dir, 'build', 'images', `${arch}-${name}`, 'latest')),
      packages: packages.join(' '),
    })),
  );
}

function listPackages({ packages }: Project): Record<string, string>[] {
  return [...packages.values()].map(({ name, sources }) => ({ package: name, sources: String(sources.length) }));
}

function lastBuild(link: string): string {
  return existsSync(link) ? readlinkSync(link) : 'never';
}
