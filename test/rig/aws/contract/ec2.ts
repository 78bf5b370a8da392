import { describeImages } from '../../../../tools/aws/images.ts';
import { changeImage, changeSnapshot } from '../../../../tools/aws/permissions.ts';
import type { Permission, ShareChange } from '../../../../tools/aws/permissions.ts';
import { BuildError } from '../../../../tools/errors.ts';
import { anySnapshot, imageOf, refused } from './made.ts';
import type { Fact } from './made.ts';

export const EC2_FACTS: Readonly<Record<string, Fact>> = {
  'an image keeps its devices': async (at) => {
    const { image, snapshot } = await imageOf(at);
    const { Images = [] } = await at.call('ec2:DescribeImages', (o) => at.ec2.describeImages({ ImageIds: [image] }, o));
    const [device] = Images[0]?.BlockDeviceMappings ?? [];
    return device?.Ebs?.SnapshotId === snapshot && device.Ebs.VolumeType === 'gp3' && device.Ebs.VolumeSize === 2;
  },
  'an image keeps its architecture and tags': async (at) => {
    const { image } = await imageOf(at);
    const { Images = [] } = await at.call('ec2:DescribeImages', (o) => at.ec2.describeImages({ ImageIds: [image] }, o));
    return Images[0]?.Architecture === 'arm64' && Images[0].Tags?.[0]?.Value === 'b';
  },
  'an image keeps its boot mode, TPM and IMDS': async (at) => {
    const { image } = await imageOf(at);
    const { Images = [] } = await at.call('ec2:DescribeImages', (o) => at.ec2.describeImages({ ImageIds: [image] }, o));
    const [found] = Images;
    return found?.BootMode === 'uefi' && found.TpmSupport === 'v2.0' && found.ImdsSupport === 'v2.0';
  },
  'a name is given once': async (at) => {
    const { name } = await imageOf(at);
    return await refused(imageOf(at, name), 'InvalidAMIName.Duplicate');
  },
  'a copy is an image of its own': async (at, other) => {
    const { image, snapshot } = await imageOf(at);
    const request = { Name: 'copied', SourceImageId: image, SourceRegion: at.name, ClientToken: 'copy' };
    const { ImageId = '' } = await other.call('ec2:CopyImage', (o) => other.ec2.copyImage(request, o));
    const [copy] = await describeImages(other, [ImageId]);
    return (
      copy?.name === 'copied' && ImageId !== image && copy.snapshots.length === 1 && copy.snapshots[0] !== snapshot
    );
  },
  'a token makes one copy, however often it is used': async (at, other) => {
    const { image } = await imageOf(at);
    const request = { Name: 'twice', SourceImageId: image, SourceRegion: at.name, ClientToken: 'copy-twice' };
    const [a, b] = [await other.ec2.copyImage(request), await other.ec2.copyImage(request)];
    return a.ImageId === b.ImageId;
  },
  'launch permissions are added and removed': async (at) => {
    const { image } = await imageOf(at);
    return await shares((change) => changeImage(at, image, change));
  },
  'snapshot permissions are added and removed': async (at) => {
    const snapshot = await anySnapshot(at);
    return await shares((change) => changeSnapshot(at, snapshot, change));
  },
  'a snapshot in use is not deleted': async (at) => {
    const { snapshot } = await imageOf(at);
    return await refused(
      at.call('ec2:DeleteSnapshot', (o) => at.ec2.deleteSnapshot({ SnapshotId: snapshot }, o)),
      'InvalidSnapshot.InUse',
    );
  },
  'a deprecation is kept': async (at) => {
    const { image } = await imageOf(at);
    await at.call('ec2:EnableImageDeprecation', (o) =>
      at.ec2.enableImageDeprecation({ ImageId: image, DeprecateAt: new Date('2099-01-01T00:00:00Z') }, o),
    );
    const [found] = await describeImages(at, [image]);
    return found?.deprecatedAt?.startsWith('2099-01-01') === true;
  },
};

/** `share` reads back what it has changed. */
async function shares(share: (change: ShareChange) => Promise<readonly Permission[]>): Promise<boolean> {
  const permissions = [{ userid: '444444444444' }];
  try {
    const granted = await share({ direction: 'grant', permissions });
    const left = await share({ direction: 'revoke', permissions });
    return JSON.stringify(granted) === JSON.stringify(permissions) && left.length === 0;
  } catch (error) {
    if (error instanceof BuildError && error.code === 'aws/not-shared') return false;
    throw error;
  }
}
