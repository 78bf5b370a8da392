import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

import type { DiskImage, ImageSpec } from '../aws/image-spec.ts';
import type { Arch } from '../config/arch.ts';
import type { AwsConfig } from '../config/infra-aws.ts';
import type { Project } from '../config/project.ts';
import type { Variant } from '../config/variant.ts';
import { BuildError } from '../errors.ts';
import { planLayout } from '../image/layout.ts';
import { diskSuffix, fileName, variantDirectory } from '../image/names.ts';
import type { ImageName } from '../image/names.ts';
import { readSums } from '../image/place.ts';

const MIB = 1024 * 1024;
export const AMIS_SUFFIX = '-amis.json';
export const SSM_SUFFIX = '-ssm-params.json';

export interface BuiltImage {
  readonly name: ImageName;
  /** build/images/<arch>-<variant>/<version>-<build> */
  readonly dir: string;
}

export interface WhichImage {
  readonly project: Project;
  readonly variant: Variant;
  readonly arch: Arch;
  /** `<version>-<build>`; the newest unless told. */
  readonly build: string | undefined;
}

/** An image that this checkout has built. @throws BuildError image/not-built */
export function findBuiltImage({ project, variant, arch, build }: WhichImage): BuiltImage {
  const osName = project.release.name;
  const parent = join(
    project.dir,
    'build',
    'images',
    variantDirectory({ osName, variant: variant.name, arch, version: '', buildId: '' }),
  );
  const dir = join(parent, build ?? 'latest');
  if (!existsSync(dir)) {
    const known = existsSync(parent) ? readdirSync(parent).filter((name) => name !== 'latest') : [];
    const finding = build === undefined || known.length === 0 ? '' : `; there are ${known.join(', ')}`;
    throw new BuildError(
      'image/not-built',
      `Cannot find an image of ${variant.name} for ${arch}: expected ${dir}${finding}`,
      {
        hint: `Build it: npx tsx Makefile.ts build --variant ${variant.name} --arch ${arch}`,
      },
    );
  }
  const [, version = '', buildId = ''] = /^([^-]+)-(.+)$/.exec(basename(realpathSync(dir))) ?? [];
  return { name: { osName, variant: variant.name, arch, version, buildId }, dir: realpathSync(dir) };
}

export interface AmiOptions {
  readonly name: string | undefined;
  readonly description: string | undefined;
  /** File with UEFI variables as EC2 takes them. */
  readonly uefiData: string | undefined;
}

/** What of a built image becomes an AMI. @throws BuildErrors */
export function describeAmi(
  { name, dir }: BuiltImage,
  { project, variant }: Pick<WhichImage, 'project' | 'variant'>,
  { config, options }: { config: AwsConfig; options: AmiOptions },
): ImageSpec {
  const { osName, version, buildId, arch } = name;
  const ami = options.name ?? `${osName}-${variant.name}-${arch}-v${version}-${buildId}`;
  return {
    name: ami,
    description: options.description ?? `${project.release['pretty-name']} ${version} (${variant.name}, ${arch})`,
    osName,
    variant: variant.name,
    arch,
    version: `${version}-${buildId}`,
    disks: findDisks({ name, dir }, { project, variant }),
    uefiData: readUefiData(variant, options.uefiData),
    tpm: config['nitro-tpm'],
    tags: config.tags,
  };
}

/** The disks of a built image, as SHA256SUMS vouches for them. @throws BuildError aws/no-disk, aws/stray-data-disk, aws/bad-image */
export function findDisks(
  { name, dir }: BuiltImage,
  { project, variant }: Pick<WhichImage, 'project' | 'variant'>,
): readonly [DiskImage] | readonly [DiskImage, DiskImage] {
  if (variant.image.format !== 'raw')
    throw new BuildError(
      'aws/bad-image',
      `Cannot make an AMI of ${variant.name}: expected image.format raw, got ${variant.image.format}`,
    );
  const sums = readSums(dir);
  const { disks, volumes } = planLayout({ image: variant.image, osName: project.release.name });
  const find = (disk: 'os' | 'data', sizeMiB: number, volumeGiB: number): DiskImage => {
    const file = fileName(name, diskSuffix(disk, 'raw'));
    const sha256 = sums.get(file);
    if (sha256 !== undefined && existsSync(join(dir, file)))
      return { disk, path: join(dir, file), sha256, bytes: sizeMiB * MIB, volumeGiB };
    throw new BuildError(
      'aws/no-disk',
      `Cannot find the ${disk} disk of ${variant.name}: expected "${file}" in ${dir}, vouched for by SHA256SUMS`,
      {
        hint: `Build it again: npx tsx Makefile.ts build --variant ${variant.name}`,
      },
    );
  };
  const stray = fileName(name, diskSuffix('data', 'raw'));
  if (disks.length === 1 && sums.has(stray))
    throw new BuildError(
      'aws/stray-data-disk',
      `Cannot publish ${variant.name}: its plan is unified, but there is a data disk "${stray}"`,
      {
        hint: `Build it again: npx tsx Makefile.ts build --variant ${variant.name}`,
      },
    );
  const [os, data] = disks;
  const root = find('os', os.sizeMiB, volumes.osGiB);
  return data === undefined ? [root] : [root, find('data', data.sizeMiB, volumes.dataGiB ?? 0)];
}

/** @throws BuildError aws/no-uefi-data */
function readUefiData(variant: Variant, file: string | undefined): string | undefined {
  const secure = variant.image.features['uefi-secure-boot'];
  if (file === undefined) {
    if (!secure) return undefined;
    throw new BuildError(
      'aws/no-uefi-data',
      `Cannot publish ${variant.name}: it has Secure Boot, but nobody says which keys instances get`,
      {
        hint: 'Name the file of UEFI variables of its key profile: --uefi-data sbkeys/<profile>/efi-vars.aws',
      },
    );
  }
  const path = resolve(file);
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new BuildError('aws/no-uefi-data', `Cannot read UEFI variables from "${path}"`, { cause });
  }
}
