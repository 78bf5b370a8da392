import { unreachable } from '../errors.ts';
import type { Json } from '../graph/task.ts';
import { updateAmis } from './amis-file.ts';
import { changeImage, changeSnapshot, isPublic, readImagePermissions } from './permissions.ts';
import type { Direction } from './permissions.ts';
import type { ShareStep, Upkeep } from './sharing-plan.ts';

export async function performSharing(upkeep: Upkeep, direction: Direction, step: ShareStep): Promise<Json> {
  const at = await upkeep.regions.at(step.region);
  const { permissions } = step;
  switch (step.kind) {
    case 'snapshots':
      for (const snapshot of step.snapshots) await changeSnapshot(at, snapshot, { direction, permissions });
      return { snapshots: step.snapshots };
    case 'image': {
      const now =
        permissions.length > 0
          ? await changeImage(at, step.image, { direction, permissions })
          : await readImagePermissions(at, step.image);
      updateAmis(upkeep.amisPath, { [at.name]: { ...step.ami, public: isPublic(now), launch_permissions: [...now] } });
      return { image: step.image };
    }
    default:
      return unreachable(step);
  }
}
