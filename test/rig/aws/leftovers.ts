import { createHash } from 'node:crypto';

import type { World } from './world.ts';

/** All that a cloud holds, without ids and times: two runs that end the same give the same. */
export function leftovers(world: World): unknown {
  const snapshots = [...world.snapshots.values()].map((snapshot) => {
    const { region, owner, state, sizeGiB, encrypted, permissions, tags } = snapshot;
    return {
      region,
      owner,
      state,
      sizeGiB,
      encrypted,
      content: contentOf(world, snapshot.id),
      permissions: sorted(permissions),
      tags,
    };
  });
  const images = [...world.images.values()].map(({ devices, permissions, ...image }) => ({
    ...image,
    id: undefined,
    polls: undefined,
    permissions: sorted(permissions),
    devices: devices.map(({ snapshot, ...device }) => ({ ...device, content: contentOf(world, snapshot) })),
  }));
  return { snapshots: sorted(snapshots), images: sorted(images), parameters: sorted([...world.parameters]) };
}

function contentOf(world: World, id: string): string {
  const snapshot = world.snapshots.get(id);
  if (snapshot === undefined) return 'gone';
  const hash = createHash('sha256');
  for (const [index, block] of [...world.contentOf(snapshot)].toSorted(([a], [b]) => a - b))
    hash.update(`${index}`).update(block);
  return hash.digest('hex');
}

function sorted<T>(values: readonly T[]): readonly T[] {
  return values.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
