/** The one home of artifact names. Updaters and publishers find files by them. */
import type { Arch } from '../config/arch.ts';
import type { ImageManifest } from '../config/variant.ts';
import type { Disk } from './layout.ts';

export interface ImageName {
  readonly osName: string;
  readonly variant: string;
  readonly arch: Arch;
  readonly version: string;
  readonly buildId: string;
}

/** Below build/images/. */
export function variantDirectory({ arch, variant }: ImageName): string {
  return `${arch}-${variant}`;
}

export function versionDirectory({ version, buildId }: ImageName): string {
  return `${version}-${buildId}`;
}

/** `suffix` is what tells the artifacts of one image apart: `-boot.ext4.lz4`. */
export function fileName(name: ImageName, suffix: string): string {
  return `${stem(name)}-${name.version}-${name.buildId}${suffix}`;
}

/** Names that outlive a build: without version, with it, and as people write it. */
export function linkNames(name: ImageName, suffix: string): string[] {
  const links = ['', `-${name.version}`, `-v${name.version}`].map((version) => `${stem(name)}${version}${suffix}`);
  return suffix === KMOD_KIT_SUFFIX ? [...links, `${kmodKitName(name)}.tar.xz`] : links;
}

/** What the kit is called where people look for one. */
export function kmodKitName({ variant, arch, version }: ImageName): string {
  return `${variant}-${arch}-kmod-kit-v${version}`;
}

function stem({ osName, variant, arch }: ImageName): string {
  return `${osName}-${variant}-${arch}`;
}

export const BOOT_SUFFIX = '-boot.ext4.lz4';
export const VERITY_SUFFIX = '-root.verity.lz4';
export const OVA_SUFFIX = '.ova';
export const KMOD_KIT_SUFFIX = '-kmod-kit.tar.xz';
export const KMOD_KIT_OCI_SUFFIX = '-kmod-kit.oci.tar';
export const INVENTORY_SUFFIX = '-inventory.json';
export const PACKAGES_SUFFIX = '-packages.json';
export const MIGRATIONS_SUFFIX = '-migrations.tar';

/** As those who build modules ask a repository of updates for it. */
export function kmodKitTarget(name: ImageName): string {
  return `${kmodKitName(name)}.tar.xz`;
}

export function rootSuffix(type: 'erofs' | 'ext4'): string {
  return `-root.${type}.lz4`;
}

export function diskSuffix(disk: Disk['key'], format: ImageManifest['format']): string {
  return `${disk === 'data' ? '-data' : ''}.${format === 'raw' ? 'img.lz4' : format}`;
}
