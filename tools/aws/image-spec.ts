/** What is to be published: one image as it was built, and how it is to be registered. */
import { createHash } from 'node:crypto';

import type { Arch } from '../config/arch.ts';
import type { AwsConfig } from '../config/infra-aws.ts';

export interface DiskImage {
  readonly disk: 'os' | 'data';
  /** A `.img.lz4`. */
  readonly path: string;
  /** Of that file. */
  readonly sha256: string;
  /** Of the disk in it. */
  readonly bytes: number;
  /** Of the volume that instances get. */
  readonly volumeGiB: number;
}

export interface ImageSpec {
  /** Of the AMI: unique in an account and region. */
  readonly name: string;
  readonly description: string;
  readonly osName: string;
  readonly variant: string;
  readonly arch: Arch;
  /** `<version>-<build>`. */
  readonly version: string;
  /** The OS disk, and under the split plan the data disk. */
  readonly disks: readonly [DiskImage] | readonly [DiskImage, DiskImage];
  /** UEFI variable store with the Secure Boot keys, as EC2 takes it (base64). */
  readonly uefiData: string | undefined;
  readonly tpm: boolean;
  /** The user's own, beside ours. */
  readonly tags: Readonly<Record<string, string>>;
}

/** As EC2 spells it. */
export function ec2Arch(arch: Arch): 'x86_64' | 'arm64' {
  return arch === 'aarch64' ? 'arm64' : 'x86_64';
}

/** Graviton boots by UEFI only; elsewhere instances that can are asked to, where there is something to verify or measure. */
export function bootMode({ arch, uefiData, tpm }: ImageSpec): 'uefi' | 'uefi-preferred' | undefined {
  if (arch === 'aarch64') return 'uefi';
  if (tpm) return 'uefi';
  return uefiData === undefined ? undefined : 'uefi-preferred';
}

/** Two AMIs of equal digest behave alike: the disks, and all that RegisterImage is told. */
export function contentDigest(spec: ImageSpec): string {
  const disks = spec.disks.map(({ disk, sha256, volumeGiB }) => [disk, sha256, volumeGiB]);
  const facts = [disks, ec2Arch(spec.arch), bootMode(spec) ?? null, spec.uefiData ?? null, spec.tpm];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}

/** What amis.json remembers of the image it was written for. */
export function disksDigest(disks: ImageSpec['disks']): string {
  return createHash('sha256')
    .update(JSON.stringify(disks.map(({ sha256 }) => sha256)))
    .digest('hex');
}

export interface SnapshotSpec {
  readonly disk: DiskImage;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** What tells our things from others', and one release's from another's. Tags are not seen from other accounts. */
export const TAGS = {
  os: 'slipway:os',
  variant: 'slipway:variant',
  arch: 'slipway:arch',
  version: 'slipway:version',
  disk: 'slipway:disk',
  content: 'slipway:content',
  /** Of a snapshot that holds what differs from another: which one. */
  parent: 'slipway:parent',
} as const;

export function imageTags(spec: ImageSpec): Record<string, string> {
  return { ...commonTags(spec), [TAGS.content]: contentDigest(spec) };
}

export function snapshotTags(spec: ImageSpec, { disk, sha256 }: DiskImage): Record<string, string> {
  return { ...commonTags(spec), [TAGS.disk]: disk, [TAGS.content]: sha256 };
}

/** A copied AMI makes its snapshots itself and gives all of them the same tags. */
export function copiedSnapshotTags(spec: ImageSpec): Record<string, string> {
  return { ...commonTags(spec), [TAGS.content]: contentDigest(spec) };
}

function commonTags({ name, osName, variant, arch, version, tags }: ImageSpec): Record<string, string> {
  const ours = { [TAGS.os]: osName, [TAGS.variant]: variant, [TAGS.arch]: arch, [TAGS.version]: version };
  return { Name: name, ...tags, ...ours };
}

/** The key that encrypts in a region; `null` is the account's own for EBS, undefined no encryption of ours. */
export function kmsKeyIn(config: AwsConfig, region: string): string | null | undefined {
  if (config.encryption === undefined) return undefined;
  return config.encryption.region[region]?.['kms-key'] ?? config.encryption['kms-key'] ?? null;
}
