import type { Command } from 'commander';

import { planGraph } from '../graph/dry-run.ts';
import type { Verdict } from '../graph/dry-run.ts';
import type { Because } from '../graph/events.ts';
import type { Task } from '../graph/task.ts';
import { readBuildId } from '../recipe/build-id.ts';
import { planTargets } from '../recipe/plan-targets.ts';
import { plannedTasks } from '../recipe/planned-tasks.ts';
import type { VariantPlan } from '../recipe/variant.ts';
import { formatTable } from '../report/format.ts';
import { type Profile } from '../secure-boot/profile.ts';
import { profileIfThere } from '../secure-boot/read-profile.ts';
import { addProfileFlag, addRunFlags, addTargetFlags } from './flags.ts';
import type { ProfileFlags, RunFlags, TargetFlags } from './flags.ts';
import { example } from './help.ts';
import { openBench } from './open-bench.ts';
import type { RunVerb, Session } from './session.ts';

interface PlanFlags extends TargetFlags, RunFlags, ProfileFlags {
  readonly fresh?: boolean;
}

export function addPlan(program: Command, run: RunVerb): void {
  addProfileFlag(addRunFlags(addTargetFlags(program.command('plan'))))
    .description('Print which tasks a build would run, and why; specs are read for it, nothing is built')
    .option('--all', 'every variant, for every architecture it lists')
    .option('--fresh', 'list the tasks that have nothing to do, too')
    .addHelpText('after', example('plan --variant metal-dev'))
    .action((flags: PlanFlags) =>
      run(async (session) => {
        await using bench = await openBench(session, flags);
        const plans = await planTargets(bench, flags, await readBuildId(bench.project.dir, session.host.home));
        const profile = profileFor(session, plans, flags);
        const targets = [...new Set(plans.flatMap((plan) => plannedTasks(bench, plan, profile)))];
        const verdicts = [...planGraph(targets, bench.store)];
        session.result(
          describePlan(verdicts, flags.fresh === true),
          verdicts.map(([{ id, title }, verdict]) => ({ id, title, ...reason(verdict) })),
        );
      }),
    );
}

/** Without keys a build stops before it begins; what it would do first can be told all the same. */
function profileFor(
  { globals, sink }: Session,
  plans: readonly VariantPlan[],
  { sbkeys }: PlanFlags,
): Profile | undefined {
  if (plans.every(({ signing }) => signing === undefined)) return undefined;
  const profile = profileIfThere(globals.directory, sbkeys, new Date());
  if (profile === undefined) {
    const message = `There are no Secure Boot keys "${sbkeys}": what is made once a boot chain is signed is not listed`;
    sink({ type: 'warning', message, hint: `Make them: npx tsx Makefile.ts sbkeys generate --profile ${sbkeys}` });
  }
  return profile;
}

function describePlan(verdicts: readonly (readonly [Task, Verdict])[], withFresh: boolean): string {
  const count = (type: Verdict['type']): number => verdicts.filter(([, verdict]) => verdict.type === type).length;
  const shown = verdicts.filter(([, verdict]) => withFresh || verdict.type !== 'fresh');
  const rows = shown.map(([{ id }, verdict]) => [verdict.type, id, reason(verdict).why]);
  const summary = `${count('runs')} tasks run, ${count('maybe')} may run, ${count('fresh')} have nothing to do`;
  return rows.length === 0 ? summary : `${formatTable(rows)}\n${summary}`;
}

function reason(verdict: Verdict): { readonly verdict: Verdict['type']; readonly why: string } {
  switch (verdict.type) {
    case 'fresh':
      return { verdict: 'fresh', why: 'its result is in the store' };
    case 'runs':
      return { verdict: 'runs', why: describeBecause(verdict.because) };
    case 'maybe':
      return { verdict: 'maybe', why: `depends on what ${shorten(verdict.dependsOn)} gives` };
  }
}

export function describeBecause(because: Because): string {
  switch (because.type) {
    case 'never-built':
      return 'it was never built';
    case 'planned':
      return 'it is part of a plan';
    case 'outputs-missing':
      return 'its outputs are no longer in the store';
    case 'key-changed':
      return `changed: ${shorten(because.fields)}`;
  }
}

/** The first few of a list, and how many more. */
function shorten(names: readonly string[], most = 3): string {
  const rest = names.length - most;
  return `${names.slice(0, most).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
