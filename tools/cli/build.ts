import type { Command } from 'commander';

import { compareContents, readContents } from '../image/contents.ts';
import { placeArtifacts } from '../image/place.ts';
import { readBuildId } from '../recipe/build-id.ts';
import { buildPackage } from '../recipe/build-package.ts';
import { planTargets } from '../recipe/plan-targets.ts';
import { runPhase } from '../recipe/workbench.ts';
import { describeImages, describePackage, imagesToJson } from './describe.ts';
import type { BuiltImage } from './describe.ts';
import { addRunFlags, addTargetFlags } from './flags.ts';
import type { RunFlags, TargetFlags } from './flags.ts';
import { example } from './help.ts';
import { openBench } from './open-bench.ts';
import type { RunVerb, Session } from './session.ts';

interface BuildFlags extends TargetFlags, RunFlags {
  readonly package?: string;
}

export function addBuild(program: Command, run: RunVerb): void {
  const command = program
    .command('build')
    .description('Build images of a variant from source, and put them below build/images/');
  addRunFlags(addTargetFlags(command))
    .option('--all', 'every variant, for every architecture it lists')
    .option('--package <name>', 'one package instead, with all it is built with')
    .addHelpText(
      'after',
      example('build --variant metal-dev', 'build --package systemd', 'build --variant metal-dev --offline --cores 8'),
    )
    .action((flags: BuildFlags) =>
      run((session) =>
        flags.package === undefined ? buildImages(session, flags) : buildOne(session, flags, flags.package),
      ),
    );
}

async function buildOne(session: Session, flags: BuildFlags, name: string): Promise<void> {
  await using bench = await openBench(session, flags);
  const built = await buildPackage(bench, name, flags.arch ?? 'x86_64');
  session.result(describePackage(built), built);
}

async function buildImages(session: Session, flags: BuildFlags): Promise<void> {
  await using bench = await openBench(session, flags);
  const buildId = await readBuildId(bench.project.dir, session.host.home);
  const plans = await planTargets(bench, flags, buildId);
  const tasks = [...new Set(plans.flatMap((plan) => plan.artifacts.map(({ task }) => task)))];
  const result = await runPhase(bench, 'Build', tasks);
  const images: BuiltImage[] = [];
  for (const plan of plans) {
    const { dir } = bench.project;
    const before = readContents(plan.name, dir);
    const placed = await placeArtifacts(plan, { store: bench.store, result, dir });
    const contents = readContents(plan.name, dir) ?? [];
    const changes = before && compareContents(before, contents);
    images.push({ ...placed, variant: plan.variant.name, arch: plan.arch, contents, changes });
  }
  session.result(describeImages(images, result.statistics, session.command), {
    images: imagesToJson(images),
    statistics: result.statistics,
  });
}
