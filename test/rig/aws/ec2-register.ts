/** RegisterImage, by the rules that EC2's reference documents. */
import { readTags } from './ec2-common.ts';
import { ApiError, field, list, need, text } from './wire.ts';
import type { Param, Xml } from './wire.ts';
import type { Caller, Device, Image, World } from './world.ts';

export function registerImage(world: World, caller: Caller, request: Param): Xml {
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
