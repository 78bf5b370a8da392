import { existsSync, lstatSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { Argument } from 'commander';
import type { Command } from 'commander';

import type { Arch } from '../config/arch.ts';
import { readProject } from '../config/project.ts';
import type { Project } from '../config/project.ts';
import type { Variant } from '../config/variant.ts';
import { BuildError } from '../errors.ts';
import { findDisks } from '../recipe/boot-image.ts';
import { formatBytes, formatTable } from '../report/format.ts';
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

function listVariants(project: Project): Record<string, string>[] {
  return [...project.variants.values()].flatMap((variant) =>
    variant.arches.map((arch) => {
      const { name, packages, image } = variant;
      return {
        variant: name,
        arch,
        format: image.format,
        disks: `${image.layout.plan}, ${image.layout.os / 1024} + ${image.layout.data / 1024} GiB`,
        size: imageSize(project, variant, arch),
        'last build': lastBuild(join(project.dir, 'build', 'images', `${arch}-${name}`, 'latest')),
        packages: packages.join(' '),
      };
    }),
  );
}

/** Of the disks as they are published; nothing where there are none. */
function imageSize(project: Project, variant: Variant, arch: Arch): string {
  try {
    const bytes = findDisks({ project }, variant, arch).map(({ path }) => statSync(path).size);
    return formatBytes(bytes.reduce((sum, each) => sum + each, 0));
  } catch (error) {
    if (error instanceof BuildError) return '-';
    throw error;
  }
}

function listPackages({ packages }: Project): Record<string, string>[] {
  return [...packages.values()].map(({ name, sources }) => ({ package: name, sources: String(sources.length) }));
}

/** Version and build, and when that was. */
function lastBuild(link: string): string {
  if (!existsSync(link)) return 'never';
  const [day, time = ''] = lstatSync(link).mtime.toISOString().split('T');
  return `${readlinkSync(link)}, ${day} ${time.slice(0, 5)} UTC`;
}
