import { resolve } from 'node:path';

import type { Command } from 'commander';

import { BuildError } from '../errors.ts';
import { readBuildId } from '../recipe/build-id.ts';
import { planTargets } from '../recipe/plan-targets.ts';
import { readProfile } from '../secure-boot/read-profile.ts';
import { readRequest, writeSignatures } from '../secure-boot/request.ts';
import { openSigner } from '../secure-boot/signer.ts';
import { buildSigned } from './build.ts';
import { addProfileFlag, addRunFlags, addTargetFlags } from './flags.ts';
import type { ProfileFlags, RunFlags, TargetFlags } from './flags.ts';
import { example } from './help.ts';
import { keyContextOf } from './key-context.ts';
import { openBench } from './open-bench.ts';
import { addOvaFlags } from './ova-flags.ts';
import type { OvaFlags } from './ova-flags.ts';
import type { RunVerb, Session } from './session.ts';

interface SignFlags extends TargetFlags, RunFlags, ProfileFlags, OvaFlags {
  readonly from?: string;
}

export function addSign(program: Command, run: RunVerb): void {
  const command = program
    .command('sign')
    .description('Sign what "build --sign-later" has written, or finish an image with the signatures that came back')
    .argument('[folder]', 'sign what waits in this folder, with the keys of a profile');
  addOvaFlags(addProfileFlag(addRunFlags(addTargetFlags(command))))
    .option('--from <folder>', 'finish the image with the signatures in this folder')
    .addHelpText('after', example('sign /media/request', 'sign --from /media/request --variant metal-dev'))
    .action((folder: string | undefined, flags: SignFlags) =>
      run(async (session) => {
        if (flags.from !== undefined) await finish(session, flags, resolve(flags.from));
        else if (folder !== undefined) await sign(session, flags, resolve(folder));
        else throw nothingNamed();
      }),
    );
}

async function sign(session: Session, flags: SignFlags, folder: string): Promise<void> {
  const profile = readProfile(session.globals.directory, flags.sbkeys, new Date());
  const { image, items } = readRequest(folder, profile);
  const signatures = await (await openSigner(profile, keyContextOf(session)))(items);
  writeSignatures(folder, signatures);
  const names = [...signatures.keys()];
  session.result(`Signed ${names.join(', ')} of ${image} in ${folder}`, { folder, image, signed: names });
}

async function finish(session: Session, flags: SignFlags, folder: string): Promise<void> {
  await using bench = await openBench(session, flags);
  const plans = await planTargets(bench, flags, await readBuildId(bench.project.dir, session.host.home));
  const [plan] = plans;
  if (plan?.signing === undefined) {
    throw new BuildError(
      'secure-boot/nothing-to-sign',
      `Cannot sign "${flags.variant}": its boot chain is not to be signed`,
      {
        hint: `Set image.features.uefi-secure-boot to true in variants/${flags.variant}/variant.yaml`,
      },
    );
  }
  await buildSigned(session, bench, { plans, flags: { ...flags, signatures: folder } });
}

function nothingNamed(): BuildError {
  return new BuildError(
    'cli/no-folder',
    'Cannot tell what to sign: expected a folder, or --from <folder> --variant <name>',
    {
      hint: '"build --variant <name> --sign-later <folder>" writes one',
    },
  );
}
