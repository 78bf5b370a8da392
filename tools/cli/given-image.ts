import { join, resolve } from 'node:path';

import type { Command } from 'commander';

import { ARCHES } from '../config/arch.ts';
import { variantDirectory } from '../image/names.ts';
import type { GivenImage } from '../recipe/given-image.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import type { Workbench } from '../recipe/workbench.ts';
import type { TargetFlags } from './flags.ts';

/** Of verbs that are about a finished image. */
export interface GivenImageFlags extends TargetFlags {
  readonly from?: string;
}

export function addFromFlag(command: Command): Command {
  return command.option(
    '--from <folder>',
    'the image, as a build or "repo download" leaves it; the newest one built here unless told',
  );
}

/** The image that flags name. @throws BuildError cli/no-target, config/unknown-variant */
export function givenImage({ project }: Pick<Workbench, 'project'>, flags: GivenImageFlags): GivenImage {
  const variant = wantedVariant(project, flags.variant);
  const arch = flags.arch ?? variant.arches[0] ?? ARCHES[0];
  const name = { osName: project.release.name, variant: variant.name, arch, version: '', buildId: '' };
  const from = flags.from ?? join(project.dir, 'build', 'images', variantDirectory(name), 'latest');
  return { variant, arch, from: resolve(from) };
}
