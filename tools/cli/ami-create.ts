import { readFileSync, renameSync, writeFileSync } from 'node:fs';

import type { Command } from 'commander';
import { z } from 'zod';

import { createAmis, prepareAmi } from '../aws/ami-apply.ts';
import type { Amis } from '../aws/amis-file.ts';
import type { Step } from '../aws/steps.ts';
import { Option } from 'commander';
import { BuildError } from '../errors.ts';
import type { Json } from '../graph/task.ts';
import { placeLinks } from '../image/place.ts';
import { AMIS_SUFFIX } from '../recipe/publish-image.ts';
import { formatTable } from '../report/format.ts';
import { describeSteps } from './describe-steps.ts';
import { example } from './help.ts';
import { openPublication } from './open-publication.ts';
import { addAmiFlags } from './publish-flags.ts';
import type { AmiFlags } from './publish-flags.ts';
import type { RunVerb, Session } from './session.ts';

export function addAmiPlan(ami: Command, run: RunVerb): void {
  addAmiFlags(ami.command('plan'))
    .description('Print every call that "ami create" would make: in which region and account, before and after')
    .option('--out <file>', 'keep the plan, for "ami create --plan"')
    .addHelpText('after', example('ami plan --variant aws-dev', 'ami plan --variant aws-dev --out plan.json'))
    .action((flags: AmiFlags & { readonly out?: string }) =>
      run(async (session) => {
        await using publication = await openPublication(session, flags);
        const { steps } = await prepareAmi(publication);
        if (flags.out !== undefined) savePlan(flags.out, steps);
        session.result(describeSteps(steps), steps);
      }),
    );
}

interface CreateFlags extends AmiFlags {
  readonly plan?: string;
  readonly readBack: 'index' | 'all';
}

export function addAmiCreate(ami: Command, run: RunVerb): void {
  addAmiFlags(ami.command('create'))
    .description('Make the AMIs of all regions, shared as Infra.yaml says; a run that was killed goes on where it was')
    .option('--plan <file>', 'a plan of "ami plan --out": nothing beside it is done')
    .addOption(
      new Option(
        '--read-back <depth>',
        'what is asked of a finished snapshot: which blocks it has, or all that is in them',
      )
        .choices(['index', 'all'])
        .default('all'),
    )
    .addHelpText(
      'after',
      example('ami create --variant aws-dev', 'ami create --variant aws-dev --regions eu-north-1,eu-west-1'),
    )
    .action((flags: CreateFlags) => run((session) => createImages(session, flags)));
}

export async function createImages(session: Session, flags: CreateFlags): Promise<void> {
  const saved = flags.plan === undefined ? undefined : readPlan(flags.plan);
  await using publication = await openPublication(session, flags);
  const amis = await createAmis(publication, { readBack: flags.readBack, saved });
  placeLinks(publication.image.dir, publication.image.name, AMIS_SUFFIX);
  session.result(describeAmis(amis), amis);
}

export function describeAmis(amis: Amis): string {
  const rows = Object.entries(amis).map(([region, { id, name, public: open }]) => [
    region,
    id,
    open ? 'public' : 'private',
    name,
  ]);
  return formatTable([['region', 'ami', 'who', 'name'], ...rows]);
}

const planSchema = z.array(z.object({ id: z.string(), after: z.custom<Json>(() => true) }));

function savePlan(path: string, steps: readonly Step[]): void {
  writeFileSync(`${path}.part`, `${JSON.stringify(steps, undefined, 2)}\n`);
  renameSync(`${path}.part`, path);
}

/** @throws BuildError aws/bad-plan */
function readPlan(path: string): readonly Pick<Step, 'id' | 'after'>[] {
  try {
    return planSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new BuildError('aws/bad-plan', `Cannot read the plan "${path}": expected what "ami plan --out" wrote`, {
      cause,
    });
  }
}
