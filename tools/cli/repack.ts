import { resolve } from 'node:path';

import type { Command } from 'commander';

import { planRepack } from '../recipe/repack.ts';
import { buildSigned } from './build.ts';
import { addProfileFlag, addRunFlags, addTargetFlags } from './flags.ts';
import type { ProfileFlags, RunFlags, SignLaterFlags } from './flags.ts';
import { addFromFlag, givenImage, type GivenImageFlags } from './given-image.ts';
import { example } from './help.ts';
import { openBench } from './open-bench.ts';
import { addOvaFlags } from './ova-flags.ts';
import type { OvaFlags } from './ova-flags.ts';
import type { RunVerb, Session } from './session.ts';

interface RepackFlags extends GivenImageFlags, RunFlags, ProfileFlags, SignLaterFlags, OvaFlags {
  readonly caBundle?: string;
  readonly updateRoot?: string;
  readonly addParameter: readonly string[];
  readonly removeParameter: readonly string[];
}

export function addRepack(program: Command, run: RunVerb): void {
  const command = program
    .command('repack')
    .description('Sign a finished image anew, or change what it trusts or tells its kernel; no package is built');
  addOvaFlags(addFromFlag(addProfileFlag(addRunFlags(addTargetFlags(command)))))
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
  const files = { caBundle: absolute(flags.caBundle), updateRoot: absolute(flags.updateRoot) };
  const words = { addParameters: flags.addParameter, removeParameters: flags.removeParameter };
  const plan = await planRepack(bench, { ...givenImage(bench, flags), ...files, ...words });
  await buildSigned(session, bench, { plans: [plan], flags });
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}
