import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';

import { readAmis, selectAmis } from '../aws/amis-file.ts';
import { planDeletion, planDeprecation, planGarbage, wholeMinute } from '../aws/upkeep-plan.ts';
import { performUpkeep } from '../aws/upkeep.ts';
import { BuildError } from '../errors.ts';
import { describeAmis } from './ami-create.ts';
import { example } from './help.ts';
import { openRegions, openUpkeep } from './open-publication.ts';
import { addPublishFlags, parseAge } from './publish-flags.ts';
import type { PublishFlags } from './publish-flags.ts';
import { runPlan } from './run-plan.ts';
import type { RunVerb, Session } from './session.ts';

interface DeprecateFlags extends PublishFlags {
  readonly at?: Date;
  readonly in?: number;
  readonly undo?: boolean;
  readonly dryRun?: boolean;
}

export function addAmiUpkeep(ami: Command, run: RunVerb): void {
  addPublishFlags(ami.command('deprecate'))
    .description('Say from when on the AMIs should not be used any more; they still start')
    .option('--at <time>', 'when, such as 2027-01-31 or 2027-01-31T12:00:00Z', parseTime)
    .option('--in <time>', 'the same from now, such as 90d', parseAge)
    .option('--undo', 'take it back')
    .option('--dry-run', 'print what would change, and change nothing')
    .addHelpText('after', example('ami deprecate --variant aws-dev --in 90d', 'ami deprecate --variant aws-dev --undo'))
    .action((flags: DeprecateFlags) => run((session) => deprecate(session, flags)));
  addPublishFlags(ami.command('delete'))
    .description('Deregister the AMIs and delete their snapshots; prints what it would do unless --yes')
    .option('--yes', 'do it: whoever uses them cannot start them any more')
    .addHelpText('after', example('ami delete --variant aws-dev', 'ami delete --variant aws-dev --yes'))
    .action((flags: PublishFlags & { readonly yes?: boolean }) => run((session) => remove(session, flags)));
  addPublishFlags(ami.command('gc'))
    .description('List snapshots that our tags say are ours and that no AMI refers to; what killed runs left')
    .option('--older-than <time>', 'spare younger ones, which may be of a run under way', parseAge, parseAge('1d'))
    .option('--remove', 'delete them')
    .addHelpText('after', example('ami gc --variant aws-dev', 'ami gc --variant aws-dev --older-than 7d --remove'))
    .action((flags: PublishFlags & { readonly olderThan: number; readonly remove?: boolean }) =>
      run((session) => collect(session, flags)),
    );
}

async function deprecate(session: Session, flags: DeprecateFlags): Promise<void> {
  const ways = [flags.at, flags.in, flags.undo].filter((way) => way !== undefined);
  if (ways.length !== 1)
    throw new BuildError('cli/no-time', `Cannot tell when: expected one of --at, --in and --undo, got ${ways.length}`);
  const date = flags.at ?? (flags.in === undefined ? undefined : new Date(Date.now() + flags.in));
  await using opened = await openUpkeep(session, flags);
  const amis = selectAmis(opened.amisPath, flags.regions);
  const upkeep = { ...opened, regionNames: Object.keys(amis) };
  await runPlan(session, upkeep, {
    verb: 'ami deprecate',
    mode: flags.dryRun === true ? 'print' : 'apply',
    steps: await planDeprecation(upkeep, amis, date === undefined ? undefined : wholeMinute(date)),
    perform: async (step) => await performUpkeep(upkeep, step),
    done: () => (date === undefined ? 'No longer deprecated' : `Deprecated from ${wholeMinute(date)} on`),
  });
}

async function remove(session: Session, flags: PublishFlags & { readonly yes?: boolean }): Promise<void> {
  await using opened = await openUpkeep(session, flags);
  const amis = selectAmis(opened.amisPath, flags.regions);
  const upkeep = { ...opened, regionNames: Object.keys(amis) };
  await runPlan(session, upkeep, {
    verb: 'ami delete',
    mode: flags.yes === true ? 'apply' : 'print',
    steps: await planDeletion(upkeep, amis),
    perform: async (step) => await performUpkeep(upkeep, step),
    done: () => {
      const left = readAmis(opened.amisPath);
      return Object.keys(left).length === 0 ? 'Removed; no AMI of this image is left' : describeAmis(left);
    },
  });
}

async function collect(
  session: Session,
  flags: PublishFlags & { readonly olderThan: number; readonly remove?: boolean },
): Promise<void> {
  await using upkeep = await openRegions(session, flags);
  const { project, variant } = upkeep.which;
  const steps = await planGarbage(upkeep, {
    osName: project.release.name,
    variant: variant.name,
    olderThanMs: flags.olderThan,
    nowMs: Date.now(),
  });
  await runPlan(session, upkeep, {
    verb: 'ami gc',
    mode: flags.remove === true ? 'apply' : 'print',
    steps,
    perform: async (step) => await performUpkeep(upkeep, step),
    done: () => `Removed ${steps.length} snapshots`,
  });
}

function parseTime(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError('Expected a time such as 2027-01-31T12:00:00Z.');
  return date;
}
