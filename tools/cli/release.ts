import { join } from 'node:path';

import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import { disksDigest } from '../aws/image-spec.ts';
import { EVERYBODY } from '../aws/permissions.ts';
import { ARCHES } from '../config/arch.ts';
import { readProject } from '../config/project.ts';
import { unreachable } from '../errors.ts';
import { versionDirectory } from '../image/names.ts';
import type { CreatedUpdate } from '../recipe/create-update.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { findBuiltImage, findDisks } from '../recipe/publish-image.ts';
import { createImages } from './ami-create.ts';
import { share } from './ami-share.ts';
import { buildVariants } from './build.ts';
import { addProfileFlag, addRunFlags } from './flags.ts';
import type { ProfileFlags, RunFlags } from './flags.ts';
import { example } from './help.ts';
import { addPublishFlags } from './publish-flags.ts';
import type { PublishFlags } from './publish-flags.ts';
import { RELEASE_STEPS, ReleaseState } from './release-state.ts';
import type { ReleaseStep } from './release-state.ts';
import { SIGN_LATER } from './repo-flags.ts';
import type { RunVerb, Session } from './session.ts';
import { promote, setParameters } from './ssm.ts';

interface ReleaseFlags extends PublishFlags, RunFlags, ProfileFlags {
  readonly steps?: readonly ReleaseStep[];
  readonly again?: boolean;
  readonly repo?: string;
  readonly new?: boolean;
  readonly waves: string;
  readonly expiration: string;
  readonly start?: string;
  readonly signLater?: string;
  readonly to?: string;
  readonly public?: boolean;
  readonly target: string;
}

export function addRelease(program: Command, run: RunVerb): void {
  addProfileFlag(addRunFlags(addPublishFlags(program.command('release'))))
    .description(
      `Bring a variant to its users: ${RELEASE_STEPS.join(', ')}; what is done stays done when it is run again`,
    )
    .option('--steps <list>', `some of the steps only: ${RELEASE_STEPS.join(',')}`, parseSteps)
    .option('--again', 'do them even where the state file says that they are done')
    .option('--repo <name>', 'repository of updates in Infra.yaml')
    .option('--new', 'begin that repository')
    .option('--waves <policy>', 'how the update reaches the fleet', 'default')
    .option('--expiration <policy>', 'how long the metadata is good for', 'default')
    .option('--start <when>', 'when the release starts; now unless told')
    .option(...SIGN_LATER)
    .option('--to <address>', 'where the repository is published, if not where Infra.yaml says')
    .option('--public', 'let everybody start the AMIs')
    .option('--target <version>', 'the name that SSM parameters are promoted to', 'latest')
    .addHelpText(
      'after',
      example('release --variant aws-dev --public', 'release --variant aws-dev --steps ami,share,ssm'),
    )
    .action((flags: ReleaseFlags) => run((session) => release(session, flags)));
}

function parseSteps(text: string): readonly ReleaseStep[] {
  const words = new Set(text.split(','));
  const steps = RELEASE_STEPS.filter((step) => words.has(step));
  if (steps.length === words.size) return steps;
  throw new InvalidArgumentError(`Expected some of ${RELEASE_STEPS.join(',')}.`);
}

async function release(session: Session, flags: ReleaseFlags): Promise<void> {
  const told: { step: ReleaseStep; text: string; data: unknown }[] = [];
  const next: string[] = [];
  const chosen = flags.steps ?? RELEASE_STEPS;
  const run = async (step: ReleaseStep): Promise<'done' | 'waiting'> => {
    const inner = { ...session, result: (text: string, data: unknown): void => void told.push({ step, text, data }) };
    return (await perform(inner, flags, step)) === 'waiting' ? 'waiting' : 'done';
  };
  // Nothing to do for it is quickly found out, and no state file knows better.
  if (chosen.includes('build')) await run('build');
  const state = openState(session, flags);
  for (const step of chosen.filter((one) => one !== 'build')) {
    const doneAt = flags.again === true ? undefined : state.doneAt(step);
    if (doneAt !== undefined) {
      told.push({ step, text: `Done at ${doneAt}; do it again with --steps ${step} --again`, data: { doneAt } });
      continue;
    }
    const ended = await run(step);
    state.mark(step);
    // A release that is not signed is not published, and nobody is told of it by other ways.
    if (ended === 'waiting') {
      next.push('Then run this command again: it goes on from there');
      break;
    }
  }
  const text = told.map(({ step, text: each }) => `${step}\n${each.replaceAll(/^/gm, '  ')}`);
  session.result(
    [...text, ...next].join('\n'),
    told.map(({ step, data }) => ({ step, data })),
  );
}

function openState({ globals }: Session, flags: ReleaseFlags): ReleaseState {
  const project = readProject(globals.directory);
  const variant = wantedVariant(project, flags.variant);
  const which = { project, variant, arch: flags.arch ?? variant.arches[0] ?? ARCHES[0], build: flags.image };
  const image = findBuiltImage(which);
  const path = join(project.dir, 'build', 'publish', `release-${which.arch}-${variant.name}.json`);
  return ReleaseState.open(path, `${versionDirectory(image.name)} ${disksDigest(findDisks(image, which))}`);
}

/** Gives `waiting` when others have to sign first what the step has made. */
async function perform(
  session: Session,
  flags: ReleaseFlags,
  step: ReleaseStep,
): Promise<CreatedUpdate['state'] | void> {
  switch (step) {
    case 'build':
      return await buildVariants(session, flags);
    case 'repo':
      // Over the output of a run that was killed; the repository on top of which it is made is the one that is published.
      return await (await import('./repo-create.ts')).create(session, { ...flags, replace: true });
    case 'publish':
      return await (await import('./repo-publish.ts')).publish(session, repoFlags(flags));
    case 'ami':
      return await createImages(session, { ...flags, readBack: 'all' });
    case 'share':
      if (flags.public === true) return await share(session, flags, { direction: 'grant', permissions: [EVERYBODY] });
      return session.result('As Infra.yaml says (aws.sharing); --public shares with everybody', null);
    case 'ssm':
      return await setParameters(session, flags, 'apply');
    case 'promote':
      // A name such as "latest" is there to be moved.
      return await promote(session, { ...flags, allowClobber: true });
    default:
      return unreachable(step);
  }
}

function repoFlags({ repo, infra, to }: ReleaseFlags) {
  return {
    ...(repo !== undefined && { repo }),
    ...(infra !== undefined && { infra }),
    ...(to !== undefined && { to }),
  };
}
