/** AMIs, query protocol with XML, by the rules that EC2's reference documents. */
import { changed, matches, paged, permissionXml, tagsXml } from './ec2-common.ts';
import type { Handler } from './ec2-common.ts';
import { copyImage } from './ec2-copy.ts';
import { registerImage } from './ec2-register.ts';
import { ApiError, field, list, need, text, texts } from './wire.ts';
import type { Param, Xml } from './wire.ts';
import type { Caller, Image, World } from './world.ts';

export const IMAGES: Readonly<Record<string, Handler>> = {
  DescribeImages: describeImages,
  RegisterImage: registerImage,
  CopyImage: copyImage,
  DeregisterImage: (world, caller, request) => {
    const image = world.image(caller, need(request, 'ImageId'));
    world.images.delete(image.id);
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
