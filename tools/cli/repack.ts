import { join, resolve } from 'node:path';

import type { Command } from 'commander';

import { variantDirectory } from '../image/names.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { planRepack } from '../recipe/repack.ts';
import { buildSigned } from './build.ts';
import { addProfileFlag, addRunFlags, addTargetFlags } from './flags.ts';
import type { ProfileFlags, RunFlags, SignLaterFlags, TargetFlags } from './flags.ts';
import { example } from './help.ts';
import { openBench } from './open-bench.ts';
import { addOvaFlags } from './ova-flags.ts';
import type { OvaFlags } from './ova-flags.ts';
import type { RunVerb, Session } from './session.ts';

interface RepackFlags extends TargetFlags, RunFlags, ProfileFlags, SignLaterFlags, OvaFlags {
  readonly from?: string;
  readonly caBundle?: string;
  readonly updateRoot?: string;
  readonly addParameter: readonly string[];
  readonly removeParameter: readonly string[];
}

export function addRepack(program: Command, run: RunVerb): void {
  const command = program
    .command('repack')
    .description('Sign a finished image anew, or change what it trusts or tells its kernel; no package is built');
  addOvaFlags(addProfileFlag(addRunFlags(addTargetFlags(command))))
    .option(
      '--from <folder>',
      'the image, as a build or "repo download" leaves it; the newest one built here unless told',
    )
    .option('--ca-bundle <file>', 'certificates (PEM) in place of those it trusts')
    .option('--update-root <file>', 'root.json of the repository it takes updates from')
    .option('--add-parameter <word...>', 'more words of the kernel line, behind those it has', [])
    .option('--remove-parameter <word...>', 'words of the kernel line to leave out', [])
    .option('--sign-later <folder>', 'write what has to be signed to a folder')
    .option('--signatures <folder>', 'take the signatures from that folder: with the same flags, the image is finished')
    .addHelpText(
      'after',
      example(
        'repack --variant metal-dev --sbkeys release',
        'repack --variant aws-dev --from build/downloads/x86_64-aws-dev --ca-bundle corporate.pem --add-parameter quiet',
      ),
    )
    .action((flags: RepackFlags) => run((session) => repack(session, flags)));
}

async function repack(session: Session, flags: RepackFlags): Promise<void> {
  await using bench = await openBench(session, flags);
  const { project } = bench;
  const variant = wantedVariant(project, flags.variant);
  const arch = flags.arch ?? variant.arches[0] ?? 'x86_64';
  const name = { osName: project.release.name, variant: variant.name, arch, version: '', buildId: '' };
  const from = flags.from ?? join(project.dir, 'build', 'images', variantDirectory(name), 'latest');
  const files = { caBundle: absolute(flags.caBundle), updateRoot: absolute(flags.updateRoot) };
  const words = { addParameters: flags.addParameter, removeParameters: flags.removeParameter };
  const plan = await planRepack(bench, { variant, arch, from: resolve(from), ...files, ...words });
  await buildSigned(session, bench, { plans: [plan], flags });
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}
