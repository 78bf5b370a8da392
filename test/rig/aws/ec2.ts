/** EC2 as far as images go, query protocol with XML, by the rules that its reference documents. */
import { ApiError, field, list, need, text, texts } from './wire.ts';
import type { Param, Xml } from './wire.ts';
import { mayUse } from './world.ts';
import type { Caller, Device, Image, Permission, Snapshot, Tags, World } from './world.ts';

type Handler = (world: World, caller: Caller, request: Param) => Xml;

export const REGIONS = ['eu-north-1', 'eu-west-1', 'ap-south-1', 'us-east-1'];
/** There, but not opted in to. */
const CLOSED_REGION = 'af-south-1';

export const EC2: Readonly<Record<string, Handler>> = {
  DescribeRegions: () => ({
    regionInfo: [
      ...REGIONS.map((regionName) => ({ regionName, optInStatus: 'opt-in-not-required' })),
      { regionName: CLOSED_REGION, optInStatus: 'not-opted-in' },
    ],
  }),
  DescribeSnapshots: describeSnapshots,
  DescribeImages: describeImages,
  RegisterImage: registerImage,
  CopyImage: copyImage,
  DeregisterImage: (world, caller, request) => {
    const image = world.image(caller, need(request, 'ImageId'));
    world.images.delete(image.id);
    return { return: true };
  },
  DeleteSnapshot: (world, caller, request) => {
    const { id } = world.snapshot(caller, need(request, 'SnapshotId'));
    const user = [...world.images.values()].find(({ devices }) => devices.some(({ snapshot }) => snapshot === id));
    if (user !== undefined)
      throw new ApiError('InvalidSnapshot.InUse', `The snapshot ${id} is currently in use by ${user.id}`);
    world.snapshots.delete(id);
    return { return: true };
  },
  DescribeImageAttribute: (world, caller, request) => {
    const image = world.image(caller, need(request, 'ImageId'));
    return { imageId: image.id, launchPermission: image.permissions.map(permissionXml) };
  },
  ModifyImageAttribute: (world, caller, request) => {
    const image = world.image(caller, need(request, 'ImageId'));
    if (image.state !== 'available')
      throw new ApiError('InvalidAMIID.Unavailable', `The image ${image.id} is not available`);
    const change = field(request, 'LaunchPermission');
    if (world.publicBlocked.has(caller.region) && list(change, 'Add').some((one) => text(one, 'Group') === 'all'))
      throw new ApiError('OperationNotPermitted', 'Public sharing is blocked');
    image.permissions = changed(image.permissions, change);
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
  EnableImageDeprecation: (world, caller, request) => {
    const image = world.image(caller, need(request, 'ImageId'));
    const at = new Date(need(request, 'DeprecateAt'));
    if (at.getTime() < Date.now()) throw new ApiError('InvalidParameterValue', 'The time is in the past');
    // Seconds are rounded to the minute.
    image.deprecatedAt = new Date(Math.round(at.getTime() / 60_000) * 60_000).toISOString();
    return { return: true };
  },
  DisableImageDeprecation: (world, caller, request) => {
    world.image(caller, need(request, 'ImageId')).deprecatedAt = undefined;
    return { return: true };
  },
  GetImageBlockPublicAccessState: (world, { region }) => ({
    imageBlockPublicAccessState: world.publicBlocked.has(region) ? 'block-new-sharing' : 'unblocked',
  }),
};

/** Whether a request asks for tags, which is an action of its own to IAM. */
export function ec2Tags(request: Param): boolean {
  return list(request, 'TagSpecification').length > 0;
}

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

function snapshotXml({ id, owner, state, sizeGiB, startedAt, description, encrypted, tags }: Snapshot): Xml {
  return {
    snapshotId: id,
    ownerId: owner,
    status: state,
    volumeSize: sizeGiB,
    startTime: startedAt.toISOString(),
    description,
    encrypted,
    tagSet: tagsXml(tags),
  };
}

function describeImages(world: World, caller: Caller, request: Param): Xml {
  const ids = texts(request, 'ImageId');
  const found = [...world.images.values()].filter(
    (image) =>
      image.owner === caller.account &&
      image.region === caller.region &&
      (ids.length === 0 || ids.includes(image.id)) &&
      matches(
        request,
        {
          name: image.name,
          'image-id': image.id,
          architecture: image.arch,
          'image-type': 'machine',
          'virtualization-type': 'hvm',
        },
        image.tags,
      ),
  );
  for (const image of found) {
    if (image.state === 'pending' && image.polls === 0) image.state = 'available';
    else image.polls -= 1;
  }
  const { page, next } = paged(found, request);
  return { imagesSet: page.map(imageXml), nextToken: next };
}

function imageXml(image: Image): Xml {
  return {
    imageId: image.id,
    imageOwnerId: image.owner,
    imageState: image.state,
    name: image.name,
    description: image.description,
    architecture: image.arch,
    imageType: 'machine',
    virtualizationType: 'hvm',
    rootDeviceName: image.devices[0]?.name,
    rootDeviceType: 'ebs',
    isPublic: image.permissions.some(({ kind }) => kind === 'Group'),
    blockDeviceMapping: image.devices.map(({ name, snapshot, sizeGiB, type, deleteOnTermination }) => ({
      deviceName: name,
      ebs: { snapshotId: snapshot, volumeSize: sizeGiB, volumeType: type, deleteOnTermination },
    })),
    tagSet: tagsXml(image.tags),
    deprecationTime: image.deprecatedAt,
    ...image.facts,
  };
}

function registerImage(world: World, caller: Caller, request: Param): Xml {
  const name = need(request, 'Name');
  if (!/^[\w()[\] ./'@-]{3,128}$/.test(name))
    throw new ApiError('InvalidAMIName.Malformed', `The name ${name} is malformed`);
  const taken = [...world.images.values()].find(
    (image) => image.owner === caller.account && image.region === caller.region && image.name === name,
  );
  if (taken !== undefined)
    throw new ApiError('InvalidAMIName.Duplicate', `AMI name ${name} is already in use by AMI ${taken.id}`);
  const image: Image = {
    id: world.nextId('ami'),
    owner: caller.account,
    region: caller.region,
    name,
    description: text(request, 'Description') ?? '',
    arch: text(request, 'Architecture') ?? 'i386',
    devices: list(request, 'BlockDeviceMapping').map((device) => readDevice(world, caller, device)),
    tags: readTags(request, 'image'),
    facts: readFacts(request),
    uefiData: text(request, 'UefiData'),
    state: 'pending',
    polls: world.polls,
    permissions: [],
    deprecatedAt: undefined,
  };
  if (image.devices[0]?.name !== need(request, 'RootDeviceName'))
    throw new ApiError('InvalidBlockDeviceMapping', 'The root device is not mapped');
  world.images.set(image.id, image);
  return { imageId: image.id };
}

function readDevice(world: World, caller: Caller, device: Param): Device {
  const ebs = field(device, 'Ebs');
  const snapshot = world.snapshot(caller, need(ebs, 'SnapshotId'));
  if (snapshot.state !== 'completed')
    throw new ApiError('InvalidSnapshot.NotFound', `The snapshot ${snapshot.id} is not completed`);
  const sizeGiB = Number(text(ebs, 'VolumeSize') ?? snapshot.sizeGiB);
  if (sizeGiB < snapshot.sizeGiB)
    throw new ApiError('InvalidBlockDeviceMapping', 'The volume is smaller than its snapshot');
  return {
    name: need(device, 'DeviceName'),
    snapshot: snapshot.id,
    sizeGiB,
    type: text(ebs, 'VolumeType') ?? 'gp2',
    deleteOnTermination: text(ebs, 'DeleteOnTermination') === 'true',
  };
}

function refuse(why: string): never {
  throw new ApiError('InvalidParameterCombination', why);
}

function readFacts(request: Param): Image['facts'] {
  const bootMode = text(request, 'BootMode');
  const tpmSupport = text(request, 'TpmSupport');
  const arch = text(request, 'Architecture');
  if (arch === 'arm64' && bootMode !== undefined && bootMode !== 'uefi') refuse('arm64 boots by uefi');
  if (tpmSupport !== undefined && bootMode !== 'uefi') refuse('A TPM needs the boot mode uefi');
  if (text(request, 'UefiData') !== undefined && !(bootMode ?? (arch === 'arm64' ? 'uefi' : '')).startsWith('uefi'))
    refuse('UEFI data needs the boot mode uefi');
  return {
    bootMode,
    tpmSupport,
    enaSupport: text(request, 'EnaSupport') === 'true',
    sriovNetSupport: text(request, 'SriovNetSupport'),
    imdsSupport: text(request, 'ImdsSupport'),
  };
}

/** Called where the copy goes. Names are not kept unique here. */
function copyImage(world: World, caller: Caller, request: Param): Xml {
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
  const copies = snapshots.map((snapshot): Snapshot => {
    const encrypted = text(request, 'Encrypted') === 'true' || snapshot.encrypted;
    const blocks = world.contentOf(snapshot);
    const own = {
      id: world.nextId('snap'),
      owner: caller.account,
      region: caller.region,
      tags: readTags(request, 'snapshot'),
      permissions: [],
    };
    return { ...snapshot, ...own, blocks, parent: undefined, encrypted, startedAt: new Date() };
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

function readTags(request: Param, kind: string): Tags {
  const specifications = list(request, 'TagSpecification').filter((one) => text(one, 'ResourceType') === kind);
  return Object.fromEntries(
    specifications.flatMap((one) => list(one, 'Tag')).map((tag) => [need(tag, 'Key'), text(tag, 'Value') ?? '']),
  );
}

function tagsXml(tags: Tags): Xml {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

function matches(request: Param, facts: Readonly<Record<string, string>>, tags: Tags): boolean {
  return list(request, 'Filter').every((filter) => {
    const name = need(filter, 'Name');
    const value = name.startsWith('tag:') ? tags[name.slice(4)] : facts[name];
    if (value === undefined && !name.startsWith('tag:') && !(name in facts))
      throw new ApiError('InvalidParameterValue', `The filter '${name}' is invalid`);
    return value !== undefined && texts(filter, 'Value').includes(value);
  });
}

const PAGE = 100;

function paged<T>(found: readonly T[], request: Param): { page: readonly T[]; next: string | undefined } {
  const from = Number(text(request, 'NextToken') ?? 0);
  return { page: found.slice(from, from + PAGE), next: found.length > from + PAGE ? String(from + PAGE) : undefined };
}

const KINDS = ['Group', 'UserId', 'OrganizationArn', 'OrganizationalUnitArn'] as const;

function readPermissions(change: Param, key: string): Permission[] {
  return list(change, key).flatMap((one) =>
    KINDS.flatMap((kind) => {
      const value = text(one, kind);
      return value === undefined ? [] : [{ kind, value }];
    }),
  );
}

function same(a: Permission, b: Permission): boolean {
  return a.kind === b.kind && a.value === b.value;
}

function changed(before: readonly Permission[], change: Param): Permission[] {
  const removed = readPermissions(change, 'Remove');
  const added = readPermissions(change, 'Add');
  const kept = before.filter((one) => ![...removed, ...added].some((other) => same(one, other)));
  return [...kept, ...added];
}

function permissionXml({ kind, value }: Permission): Xml {
  return { [`${kind.charAt(0).toLowerCase()}${kind.slice(1)}`]: value };
}
