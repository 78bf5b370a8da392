import { BuildError, unreachable } from '../errors.ts';
import type { Json } from '../graph/task.ts';
import { updateAmis } from './amis-file.ts';
import { serviceError } from './caller.ts';
import { describeImages } from './images.ts';
import type { Region } from './region.ts';
import type { Upkeep } from './sharing-plan.ts';
import type { UpkeepStep } from './upkeep-plan.ts';

export async function performUpkeep(
  upkeep: Omit<Upkeep, 'amisPath'> & { readonly amisPath?: string },
  step: UpkeepStep,
): Promise<Json> {
  const at = await upkeep.regions.at(step.region);
  switch (step.kind) {
    case 'deprecate':
      return await deprecate(at, step);
    case 'deregister':
      await goneIsFine('InvalidAMIID', () =>
        at.call('ec2:DeregisterImage', (o) => at.ec2.deregisterImage({ ImageId: step.image }, o)),
      );
      return await assertGone(at, step.image);
    case 'delete-snapshot':
      await goneIsFine('InvalidSnapshot.NotFound', () =>
        at.call('ec2:DeleteSnapshot', (o) => at.ec2.deleteSnapshot({ SnapshotId: step.snapshot }, o)),
      );
      return { snapshot: step.snapshot };
    case 'forget':
      if (upkeep.amisPath !== undefined) updateAmis(upkeep.amisPath, {}, [at.name]);
      return null;
    default:
      return unreachable(step);
  }
}

async function deprecate(at: Region, { image, at: when }: { image: string; at: string | undefined }): Promise<Json> {
  if (when === undefined)
    await at.call('ec2:DisableImageDeprecation', (o) => at.ec2.disableImageDeprecation({ ImageId: image }, o));
  else
    await at.call('ec2:EnableImageDeprecation', (o) =>
      at.ec2.enableImageDeprecation({ ImageId: image, DeprecateAt: new Date(when) }, o),
    );
  const [now] = await describeImages(at, [image]);
  const found = now?.deprecatedAt === undefined ? undefined : new Date(now.deprecatedAt).toISOString();
  if (found !== when)
    throw new BuildError(
      'aws/not-deprecated',
      `Cannot vouch for the deprecation of "${image}" in ${at.name}: expected ${when ?? 'none'}, got ${found ?? 'none'}`,
    );
  return { image, at: when };
}

async function assertGone(at: Region, image: string): Promise<Json> {
  const [left] = await describeImages(at, [image]);
  if (left !== undefined && left.state !== 'deregistered')
    throw new BuildError(
      'aws/not-removed',
      `Cannot vouch for the removal of AMI "${image}" in ${at.name}: its state is ${left.state}`,
    );
  return { image };
}

/** A killed run, or somebody else, has removed it before: that is what was wanted. */
async function goneIsFine(code: string, remove: () => Promise<unknown>): Promise<void> {
  try {
    await remove();
  } catch (error) {
    if (!serviceError(error).startsWith(code)) throw error;
  }
}
