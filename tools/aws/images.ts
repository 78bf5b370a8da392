/** AMIs as EC2 tells of them, and the calls that make them. */
import type { Image, RegisterImageRequest } from '@aws-sdk/client-ec2';

import { BuildError } from '../errors.ts';
import { serviceError } from './caller.ts';
import { clientToken } from './client-token.ts';
import { bootMode, contentDigest, copiedSnapshotTags, ec2Arch, imageTags } from './image-spec.ts';
import type { ImageSpec } from './image-spec.ts';
import type { Region } from './region.ts';
import { readTags, writeTags } from './snapshots.ts';
import { until } from './wait.ts';

export const ROOT_DEVICE = '/dev/xvda';
export const DATA_DEVICE = '/dev/xvdb';
/** Of a page. */
const MOST_RESULTS = 1000;

export interface FoundImage {
  readonly id: string;
  readonly name: string;
  readonly arch: string;
  readonly state: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly snapshots: readonly string[];
  readonly public: boolean;
  readonly ena: boolean;
  readonly sriov: string | undefined;
  readonly deprecatedAt: string | undefined;
  readonly why: string | undefined;
}

/**
 * Own AMIs of this name, architecture and kind. EC2 keeps names unique, but copies of deprecated ones may stand beside.
 * @throws BuildError aws/ambiguous-name
 */
export async function findImage(
  at: Region,
  { name, arch }: Pick<ImageSpec, 'name' | 'arch'>,
): Promise<FoundImage | undefined> {
  const Filters = [
    { Name: 'name', Values: [name] },
    { Name: 'architecture', Values: [ec2Arch(arch)] },
    { Name: 'image-type', Values: ['machine'] },
    { Name: 'virtualization-type', Values: ['hvm'] },
  ];
  const found = await describe(at, { Filters });
  if (found.length > 1)
    throw new BuildError(
      'aws/ambiguous-name',
      `Cannot tell which AMI "${name}" in ${at.name} is: expected one, got ${found.map(({ id }) => id).join(', ')}`,
      { hint: 'Deregister those that are not wanted, or give this one another --name' },
    );
  return found[0];
}

export async function describeImages(at: Region, ids: readonly string[]): Promise<readonly FoundImage[]> {
  return ids.length === 0 ? [] : await describe(at, { Filters: [{ Name: 'image-id', Values: [...ids] }] });
}

/** All own AMIs: whatever they refer to is in use. */
export async function listImages(at: Region): Promise<readonly FoundImage[]> {
  return await describe(at, {});
}

async function describe(at: Region, query: { Filters?: { Name: string; Values: string[] }[] }): Promise<FoundImage[]> {
  const found: FoundImage[] = [];
  let token: string | undefined;
  do {
    const page = {
      Owners: ['self'],
      IncludeDeprecated: true,
      MaxResults: MOST_RESULTS,
      ...query,
      ...(token !== undefined && { NextToken: token }),
    };
    const answer = await at.call('ec2:DescribeImages', (o) => at.ec2.describeImages(page, o));
    found.push(...(answer.Images ?? []).map(toFound));
    token = answer.NextToken === '' ? undefined : answer.NextToken;
  } while (token !== undefined);
  return found;
}

function toFound(image: Image): FoundImage {
  return {
    id: image.ImageId ?? '',
    name: image.Name ?? '',
    arch: image.Architecture ?? '',
    state: image.State ?? 'pending',
    tags: readTags(image.Tags),
    snapshots: (image.BlockDeviceMappings ?? []).map(({ Ebs }) => Ebs?.SnapshotId).filter((id) => id !== undefined),
    public: image.Public === true,
    ena: image.EnaSupport === true,
    sriov: image.SriovNetSupport,
    deprecatedAt: image.DeprecationTime,
    why: image.StateReason?.Message,
  };
}

/** Whose AMI of our name is this? @throws BuildError aws/name-taken */
export function assertSameContent(at: Pick<Region, 'name'>, spec: ImageSpec, image: FoundImage): void {
  const found = image.tags['slipway:content'];
  if (found === contentDigest(spec)) return;
  const other = found === undefined ? 'one without a content tag' : `one of content ${found.slice(0, 12)}`;
  throw new BuildError(
    'aws/name-taken',
    `Cannot publish "${spec.name}" in ${at.name}: expected content ${contentDigest(spec).slice(0, 12)}, got ${other} (${image.id})`,
    { hint: 'Commit and build again for a name of its own, or give it another --name' },
  );
}

export function registration(spec: ImageSpec, snapshots: readonly string[]): RegisterImageRequest {
  const devices = spec.disks.map(({ volumeGiB }, index) => ({
    DeviceName: index === 0 ? ROOT_DEVICE : DATA_DEVICE,
    Ebs: { SnapshotId: snapshots[index], VolumeSize: volumeGiB, VolumeType: 'gp3' as const, DeleteOnTermination: true },
  }));
  const mode = bootMode(spec);
  return {
    Name: spec.name,
    Description: spec.description,
    Architecture: ec2Arch(spec.arch),
    VirtualizationType: 'hvm',
    EnaSupport: true,
    SriovNetSupport: 'simple',
    ImdsSupport: 'v2.0',
    RootDeviceName: ROOT_DEVICE,
    BlockDeviceMappings: devices,
    TagSpecifications: [{ ResourceType: 'image', Tags: writeTags(imageTags(spec)) }],
    ...(mode !== undefined && { BootMode: mode }),
    ...(spec.uefiData !== undefined && { UefiData: spec.uefiData }),
    ...(spec.tpm && { TpmSupport: 'v2.0' as const }),
  };
}

/** Gives the AMI's id, of one that is there too: a killed run may have asked for it. */
export async function registerImage(at: Region, spec: ImageSpec, snapshots: readonly string[]): Promise<string> {
  const request = registration(spec, snapshots);
  try {
    const { ImageId = '' } = await at.call('ec2:RegisterImage', (o) => at.ec2.registerImage(request, o));
    return ImageId;
  } catch (error) {
    return await sameByName(at, spec, error);
  }
}

export interface CopyOptions {
  readonly from: { readonly region: string; readonly image: string };
  readonly kmsKey: string | null | undefined;
}

/** Called in the region that gets the copy. */
export async function copyImage(at: Region, spec: ImageSpec, { from, kmsKey }: CopyOptions): Promise<string> {
  const request = {
    Name: spec.name,
    Description: spec.description,
    SourceRegion: from.region,
    SourceImageId: from.image,
    ClientToken: clientToken(['copy', from, at.name, spec.name]),
    TagSpecifications: [
      { ResourceType: 'image' as const, Tags: writeTags(imageTags(spec)) },
      { ResourceType: 'snapshot' as const, Tags: writeTags(copiedSnapshotTags(spec)) },
    ],
    ...(kmsKey !== undefined && { Encrypted: true }),
    ...(typeof kmsKey === 'string' && { KmsKeyId: kmsKey }),
  };
  try {
    const { ImageId = '' } = await at.call('ec2:CopyImage', (o) => at.ec2.copyImage(request, o));
    return ImageId;
  } catch (error) {
    return await sameByName(at, spec, error);
  }
}

async function sameByName(at: Region, spec: ImageSpec, error: unknown): Promise<string> {
  if (serviceError(error) !== 'InvalidAMIName.Duplicate') throw error;
  const image = await findImage(at, spec);
  if (image === undefined) throw error;
  assertSameContent(at, spec, image);
  return image.id;
}

const DEAD: ReadonlySet<string> = new Set(['deregistered', 'disabled', 'error', 'failed', 'invalid']);

/** @throws BuildError aws/image-failed, aws/still-waiting */
export async function awaitImage(at: Region, id: string): Promise<FoundImage> {
  return await until(at, { what: `AMI ${id}` }, async () => {
    const [image] = await describeImages(at, [id]);
    if (image !== undefined && DEAD.has(image.state))
      throw new BuildError(
        'aws/image-failed',
        `Cannot finish AMI "${id}" in ${at.name}: its state is ${image.state}${image.why === undefined ? '' : ` (${image.why})`}`,
        { hint: 'Remove it (ami delete), then run the same command again' },
      );
    return image?.state === 'available' ? image : undefined;
  });
}
