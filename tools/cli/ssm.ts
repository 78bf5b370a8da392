import { join, resolve } from 'node:path';

import type { Command } from 'commander';

import { assertSameImage, selectAmis } from '../aws/amis-file.ts';
import { SsmHistory } from '../aws/ssm-history.ts';
import { promoteParameters, renderParameters } from '../aws/ssm-names.ts';
import type { Naming } from '../aws/ssm-names.ts';
import { performPuts, planParameters, planUndo } from '../aws/ssm-plan.ts';
import type { SsmStep, Wanted } from '../aws/ssm-plan.ts';
import { readSsmFile, updateSsmFile, validateParameters } from '../aws/ssm-file.ts';
import { DEFAULT_SSM_TEMPLATES, readSsmTemplates } from '../config/ssm-templates.ts';
import { BuildError } from '../errors.ts';
import { fileName, versionDirectory } from '../image/names.ts';
import { SSM_SUFFIX } from '../recipe/publish-image.ts';
import { example } from './help.ts';
import { openUpkeep } from './open-publication.ts';
import type { OpenUpkeep } from './open-publication.ts';
import { addPublishFlags } from './publish-flags.ts';
import type { PublishFlags } from './publish-flags.ts';
import { runPlan } from './run-plan.ts';
import type { RunVerb, Session } from './session.ts';
import { tellFindings } from './tell-findings.ts';

export interface SsmFlags extends PublishFlags {
  readonly templates?: string;
  readonly allowClobber?: boolean;
  readonly allowPrivateImages?: boolean;
}

interface PromoteFlags extends SsmFlags {
  readonly source?: string;
  readonly target: string;
  readonly dryRun?: boolean;
}

interface ValidateFlags extends SsmFlags {
  readonly junit?: string;
  readonly checkUnexpected?: boolean;
}

export function addSsm(program: Command, run: RunVerb): void {
  const ssm = program
    .command('ssm')
    .description('Publish SSM parameters that name the AMIs: plan, write, promote, check, take back');
  addSsmFlags(ssm.command('plan'))
    .description('Print every parameter that "ssm set" would write: in which region, before and after')
    .addHelpText('after', example('ssm plan --variant aws-dev'))
    .action((flags: SsmFlags) => run((session) => setParameters(session, flags, 'print')));
  addSsmFlags(ssm.command('set'))
    .description('Write the parameters of the AMIs in all regions, and read them back')
    .addHelpText('after', example('ssm set --variant aws-dev'))
    .action((flags: SsmFlags) => run((session) => setParameters(session, flags, 'apply')));
  addSsmFlags(ssm.command('promote'))
    .description('Give the parameters of one version the names of another, such as "latest"')
    .option('--source <version>', 'whose values; those of this image unless told')
    .requiredOption('--target <version>', 'whose names')
    .option('--dry-run', 'print what would change, and change nothing')
    .addHelpText('after', example('ssm promote --variant aws-dev --target latest --allow-clobber'))
    .action((flags: PromoteFlags) => run((session) => promote(session, flags)));
  addSsmFlags(ssm.command('diff'))
    .description('Compare what templates say of the AMIs with what is there; ends with status 2 where they differ')
    .addHelpText('after', example('ssm diff --variant aws-dev'))
    .action((flags: SsmFlags) => run((session) => diff(session, flags)));
  addSsmFlags(ssm.command('validate'))
    .description('Compare ssm-params.json with what is in each region; ends with status 2 where they differ')
    .option('--junit <file>', 'write the findings as JUnit XML, too')
    .option('--check-unexpected', 'complain of what else stands below aws.ssm-prefix')
    .addHelpText('after', example('ssm validate --variant aws-dev --junit ssm.xml'))
    .action((flags: ValidateFlags) => run((session) => validate(session, flags)));
  addSsmFlags(ssm.command('undo'))
    .description('Put back the values from before the last "ssm set" or "ssm promote" of this checkout')
    .option('--dry-run', 'print what would change, and change nothing')
    .addHelpText('after', example('ssm undo --variant aws-dev'))
    .action((flags: SsmFlags & { readonly dryRun?: boolean }) => run((session) => undo(session, flags)));
}

function addSsmFlags(command: Command): Command {
  return addPublishFlags(command)
    .option('--templates <file>', 'templates of parameters; aws.ssm-templates of Infra.yaml unless told')
    .option('--allow-clobber', 'overwrite parameters that hold something else')
    .option('--allow-private-images', 'name private AMIs where everybody reads');
}

export async function setParameters(session: Session, flags: SsmFlags, mode: 'print' | 'apply'): Promise<void> {
  await using upkeep = await openUpkeep(session, flags);
  const wanted = wantedParameters(upkeep, flags);
  const steps = await planParameters(upkeep, wanted, rulesOf(flags));
  await apply(session, upkeep, { verb: 'ssm set', mode, steps, wanted });
}

export async function promote(session: Session, flags: PromoteFlags): Promise<void> {
  await using upkeep = await openUpkeep(session, flags);
  const promotion = { source: flags.source ?? versionDirectory(upkeep.image.name), target: flags.target };
  const wanted = await promoteParameters(upkeep, namingOf(upkeep, flags), promotion);
  const steps = await planParameters(upkeep, wanted, rulesOf(flags));
  await apply(session, upkeep, { verb: 'ssm promote', mode: flags.dryRun === true ? 'print' : 'apply', steps, wanted });
}

async function apply(
  session: Session,
  upkeep: OpenUpkeep,
  { verb, mode, steps, wanted }: { verb: string; mode: 'print' | 'apply'; steps: readonly SsmStep[]; wanted: Wanted },
): Promise<void> {
  const history = historyOf(upkeep);
  const change = SsmHistory.nameOf([verb, [...wanted].map(([region, values]) => [region, [...values]])]);
  await runPlan(session, upkeep, {
    verb,
    mode,
    steps,
    perform: async (step, voice) => await performPuts(upkeep, step, { voice, history, change }),
    done: () => {
      updateSsmFile(ssmPath(upkeep), wanted);
      const count = steps.reduce((sum, { puts }) => sum + puts.length, 0);
      return count === 0
        ? 'Nothing to do: all parameters are there'
        : `Wrote ${count} parameters in ${steps.length} regions`;
    },
  });
}

async function diff(session: Session, flags: SsmFlags): Promise<void> {
  await using upkeep = await openUpkeep(session, flags);
  const findings = await validateParameters(upkeep, wantedParameters(upkeep, flags), undefined);
  tellFindings(session, findings, { suite: 'ssm diff', junit: undefined, hint: 'Write them: ssm set' });
}

async function validate(session: Session, flags: ValidateFlags): Promise<void> {
  await using upkeep = await openUpkeep(session, flags);
  const expected = readSsmFile(ssmPath(upkeep));
  if (expected.size === 0)
    throw new BuildError(
      'aws/no-parameters',
      `Cannot find the parameters of this image: expected them in "${ssmPath(upkeep)}"`,
      {
        hint: 'Write them: ssm set',
      },
    );
  const prefix = upkeep.config['ssm-prefix'];
  if (flags.checkUnexpected === true && prefix === '')
    throw new BuildError('aws/no-prefix', 'Cannot look for unexpected parameters: expected aws.ssm-prefix, got none', {
      at: upkeep.infra?.locate(['aws']),
    });
  const findings = await validateParameters(upkeep, expected, flags.checkUnexpected === true ? prefix : undefined);
  tellFindings(session, findings, {
    suite: 'ssm validate',
    junit: flags.junit,
    hint: 'Put it right: ssm set --allow-clobber',
  });
}

async function undo(session: Session, flags: SsmFlags & { readonly dryRun?: boolean }): Promise<void> {
  await using upkeep = await openUpkeep(session, flags);
  const history = historyOf(upkeep);
  const last = history.last();
  if (last === undefined)
    throw new BuildError(
      'aws/nothing-to-undo',
      `Cannot undo: this checkout has written no parameters of ${upkeep.which.variant.name}`,
    );
  const regionNames = [...last.regions.keys()];
  const steps = await planUndo({ ...upkeep, regionNames }, last, rulesOf(flags).ifThere);
  await runPlan(session, upkeep, {
    verb: 'ssm undo',
    mode: flags.dryRun === true ? 'print' : 'apply',
    steps,
    perform: async (step, voice) => await performPuts(upkeep, step, { voice, history: undefined, change: last.id }),
    done: () => {
      history.markUndone(last.id);
      return `Put back what was there before ${last.time}`;
    },
  });
}

function wantedParameters(upkeep: OpenUpkeep, flags: SsmFlags): Wanted {
  const naming = namingOf(upkeep, flags);
  const amis = selectAmis(upkeep.amisPath, upkeep.regionNames);
  assertSameImage(upkeep.amisPath, amis, upkeep.disks);
  return renderParameters(naming, amis, versionDirectory(upkeep.image.name));
}

function namingOf({ config, infra, which }: OpenUpkeep, { templates }: SsmFlags): Naming {
  const configured = config['ssm-templates'];
  const file = templates ?? (configured === undefined ? undefined : resolve(infra?.dir ?? '', configured));
  return {
    templates: file === undefined ? DEFAULT_SSM_TEMPLATES : readSsmTemplates(file),
    prefix: config['ssm-prefix'],
    variant: which.variant.name,
    arch: which.arch,
  };
}

function rulesOf({ allowClobber, allowPrivateImages }: SsmFlags) {
  return {
    ifThere: allowClobber === true ? 'replace' : 'refuse',
    privateImages: allowPrivateImages === true ? 'allow' : 'refuse',
  } as const;
}

function historyOf({ stateDir, which }: OpenUpkeep): SsmHistory {
  return new SsmHistory(join(stateDir, 'ssm', `${which.arch}-${which.variant.name}.jsonl`));
}

function ssmPath({ image }: OpenUpkeep): string {
  return join(image.dir, fileName(image.name, SSM_SUFFIX));
}
