import type { Command } from 'commander';

import { addAmiCreate, addAmiPlan } from './ami-create.ts';
import { addAmiShare } from './ami-share.ts';
import { addAmiUpkeep } from './ami-upkeep.ts';
import { addAmiValidate } from './ami-validate.ts';
import type { RunVerb } from './session.ts';

export function addAmi(program: Command, run: RunVerb): void {
  const ami = program.command('ami').description('Publish an image as AMIs: plan, make, share, check and remove them');
  for (const add of [addAmiPlan, addAmiCreate, addAmiShare, addAmiValidate, addAmiUpkeep]) add(ami, run);
}
