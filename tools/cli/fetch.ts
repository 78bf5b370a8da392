import type { Command } from 'commander';

import { readBuildId } from '../recipe/build-id.ts';
import { planTargets } from '../recipe/plan-targets.ts';
import { runPhase } from '../recipe/workbench.ts';
import { toolRoot } from '../sdk/tool-root.ts';
import { addRunFlags, addTargetFlags } from './flags.ts';
import type { RunFlags, TargetFlags } from './flags.ts';
import { example } from './help.ts';
import { openBench } from './open-bench.ts';
import type { RunVerb } from './session.ts';

export function addFetch(program: Command, run: RunVerb): void {
  addRunFlags(addTargetFlags(program.command('fetch')))
    .description(
      'Bring all that builds of a variant need from outside, tool roots included; then "build --offline" needs no network',
    )
    .option('--all', 'every variant')
    .addHelpText('after', example('fetch --variant metal-dev', 'build --variant metal-dev --offline'))
    .action((flags: TargetFlags & RunFlags) =>
      run(async (session) => {
        await using bench = await openBench(session, flags);
        const vm = toolRoot('vm', { ...bench.supply, sandbox: bench.sandbox });
        const plans = await planTargets(bench, flags, await readBuildId(bench.project.dir, session.host.home));
        const sources = [...new Set(plans.flatMap((plan) => plan.sources))];
        const { statistics } = await runPhase(bench, 'Fetch', [
          ...bench.sdk.tasks,
          ...bench.imageTools.tasks,
          ...bench.kitTools.tasks,
          ...vm.tasks,
          ...sources,
        ]);
        session.result(
          `All ${sources.length} sources and the tool roots are in the store (${statistics.built} fetched now)`,
          { sources: sources.map(({ id }) => id), statistics },
        );
      }),
    );
}
