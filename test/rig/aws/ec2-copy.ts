/** CopyImage, by the rules that EC2's reference documents. */
import { readTags } from './ec2-common.ts';
import { keyArn, ownKey } from './kms.ts';
import { ApiError, need, text } from './wire.ts';
import type { Param, Xml } from './wire.ts';
import { mayUse } from './world.ts';
import type { Caller, Image, Snapshot, World } from './world.ts';

/** Called where the copy goes. Names are not kept unique here. */
export function copyImage(world: World, caller: Caller, request: Param): Xml {
  const source = world.images.get(need(request, 'SourceImageId'));
  const lent = source !== undefined && (source.owner === caller.account || mayUse(source.permissions, caller.account));
  if (!lent || source.region !== need(request, 'SourceRegion'))
    throw new ApiError('InvalidAMIID.NotFound', 'The source does not exist');
  if (source.state !== 'available') throw new ApiError('InvalidAMIID.Unavailable', 'The source is not available');
  const from = { account: caller.account, region: source.region };
  const snapshots = source.devices.map(({ snapshot }) => world.snapshot(from, snapshot, 'read'));
  const token = `${caller.account}/${caller.region}/copy/${need(request, 'ClientToken')}`;
  const known = world.recall(token, JSON.stringify(request));
  if (known !== undefined) return { imageId: known };
  const key = text(request, 'KmsKeyId');
  if (key !== undefined && text(request, 'Encrypted') !== 'true')
    throw new ApiError('InvalidParameterDependency', 'KmsKeyId needs Encrypted');
  const encryptingKey = key === undefined ? ownKey(caller) : keyArn(caller, key);
  const copies = snapshots.map((snapshot): Snapshot => {
    const encrypted = text(request, 'Encrypted') === 'true' || snapshot.encrypted;
    const blocks = world.contentOf(snapshot);
    const own = {
      encrypted,
      kmsKey: encrypted ? encryptingKey : undefined,
      id: world.nextId('snap'),
      owner: caller.account,
      region: caller.region,
      tags: readTags(request, 'snapshot'),
      permissions: [],
    };
    return { ...snapshot, ...own, blocks, parent: undefined, startedAt: new Date() };
  });
  for (const copy of copies) world.snapshots.set(copy.id, copy);
  const image: Image = {
    ...source,
    id: world.nextId('ami'),
    owner: caller.account,
    region: caller.region,
    name: need(request, 'Name'),
    devices: source.devices.map((device, index) => ({ ...device, snapshot: copies[index]?.id ?? '' })),
    tags: readTags(request, 'image'),
    state: 'pending',
    polls: world.polls,
    permissions: [],
    deprecatedAt: undefined,
  };
  world.images.set(image.id, image);
  world.tokens.set(token, { request: JSON.stringify(request), result: image.id });
  return { imageId: image.id };
}
