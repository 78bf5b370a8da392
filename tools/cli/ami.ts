import type { Command } from 'commander';

import { addAmiCreate, addAmiPlan } from './ami-create.ts';
import type { RunVerb } from './session.ts';

export function addAmi(program: Command, run: RunVerb): void {
  const ami = program.command('ami').description('Publish an image as AMIs: plan, make, share, check and remove them');
  for (const add of [addAmiPlan, addAmiCreate]) add(ami, run);
}
