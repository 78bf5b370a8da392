/** Snapshots as EC2 tells of them, query protocol with XML, by the rules that its reference documents. */
import { matches, paged, permissionXml, changed, tagsXml } from './ec2-common.ts';
import type { Handler } from './ec2-common.ts';
import { ApiError, field, list, need, text, texts } from './wire.ts';
import type { Param, Xml } from './wire.ts';
import type { Caller, Snapshot, World } from './world.ts';

export const SNAPSHOTS: Readonly<Record<string, Handler>> = {
  DescribeSnapshots: describeSnapshots,
  DeleteSnapshot: (world, caller, request) => {
    const { id } = world.snapshot(caller, need(request, 'SnapshotId'));
    const user = [...world.images.values()].find(({ devices }) => devices.some(({ snapshot }) => snapshot === id));
    if (user !== undefined)
      throw new ApiError('InvalidSnapshot.InUse', `The snapshot ${id} is currently in use by ${user.id}`);
    world.snapshots.delete(id);
    return { return: true };
  },
  DescribeSnapshotAttribute: (world, caller, request) => {
    const snapshot = world.snapshot(caller, need(request, 'SnapshotId'));
    return { snapshotId: snapshot.id, createVolumePermission: snapshot.permissions.map(permissionXml) };
  },
  ModifySnapshotAttribute: (world, caller, request) => {
    const snapshot = world.snapshot(caller, need(request, 'SnapshotId'));
    const change = field(request, 'CreateVolumePermission');
    if (list(change, 'Add').length + list(change, 'Remove').length === 0)
      throw new ApiError('InvalidParameterCombination', 'Nothing to change');
    if (list(change, 'Add').some((one) => text(one, 'OrganizationArn') !== undefined))
      throw new ApiError('InvalidParameterValue', 'Snapshots know no organizations');
    if (snapshot.encrypted && list(change, 'Add').some((one) => text(one, 'Group') === 'all'))
      throw new ApiError('InvalidParameterValue', 'Encrypted snapshots cannot be public');
    snapshot.permissions = changed(snapshot.permissions, change);
    return { return: true };
  },
};

function describeSnapshots(world: World, caller: Caller, request: Param): Xml {
  const ids = texts(request, 'SnapshotId');
  for (const id of ids) world.snapshot(caller, id);
  const found = [...world.snapshots.values()].filter(
    (snapshot) =>
      snapshot.owner === caller.account &&
      snapshot.region === caller.region &&
      (ids.length === 0 || ids.includes(snapshot.id)) &&
      matches(request, { 'snapshot-id': snapshot.id, status: snapshot.state }, snapshot.tags),
  );
  for (const snapshot of found) ripen(snapshot);
  const { page, next } = paged(found, request);
  return { snapshotSet: page.map(snapshotXml), nextToken: next };
}

function ripen(snapshot: Snapshot): void {
  if (!snapshot.sealed || snapshot.state !== 'pending') return;
  if (snapshot.polls === 0) snapshot.state = 'completed';
  else snapshot.polls -= 1;
}

function snapshotXml({ id, owner, state, sizeGiB, startedAt, description, encrypted, kmsKey, tags }: Snapshot): Xml {
  return {
    snapshotId: id,
    ownerId: owner,
    status: state,
    volumeSize: sizeGiB,
    startTime: startedAt.toISOString(),
    description,
    encrypted,
    kmsKeyId: kmsKey,
    tagSet: tagsXml(tags),
  };
}
