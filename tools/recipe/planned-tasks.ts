import type { Task } from '../graph/task.ts';
import { plannedChain } from '../secure-boot/planned-chain.ts';
import type { Profile } from '../secure-boot/profile.ts';
import { finishedArtifacts, signingChain } from './signing-chain.ts';
import type { VariantPlan } from './variant.ts';
import type { Workbench } from './workbench.ts';

/**
 * What a build of an image runs, to be looked at. What is made once a boot chain is signed follows from whose keys sign it: without a profile
 * it is left out.
 */
export function plannedTasks(bench: Workbench, plan: VariantPlan, profile: Profile | undefined): readonly Task[] {
  const { artifacts, signing } = plan;
  const before = artifacts.map(({ task }) => task);
  if (signing === undefined) return before;
  if (profile === undefined) return [...before, signing.image.bootFiles];
  const chain = signingChain(bench, { plan, signing, profile });
  const after = finishedArtifacts(bench, chain, plannedChain(chain.options, chain.unsigned));
  return [...before, ...chain.unsigned.map(({ task }) => task), ...after.map(({ task }) => task)];
}
