/** What a build left for updaters, as targets of a repository. */
import { existsSync, readlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { extract } from 'tar';

import type { Arch } from '../config/arch.ts';
import type { Variant } from '../config/variant.ts';
import type { Project } from '../config/project.ts';
import { BuildError } from '../errors.ts';
import { planLayout } from '../image/layout.ts';
import {
  BOOT_SUFFIX,
  diskSuffix,
  fileName,
  KMOD_KIT_SUFFIX,
  kmodKitTarget,
  linkNames,
  MIGRATIONS_SUFFIX,
  OVA_SUFFIX,
  rootSuffix,
  variantDirectory,
  VERITY_SUFFIX,
} from '../image/names.ts';
import type { ImageName } from '../image/names.ts';
import { readSums } from '../image/place.ts';
import type { TargetSource } from '../tuf/targets.ts';

export interface BuiltUpdate {
  readonly name: ImageName;
  readonly dir: string;
  readonly images: { readonly boot: string; readonly root: string; readonly hash: string };
  readonly sources: readonly TargetSource[];
  /** Archive of migrations, where the build made one. */
  readonly migrations: string | undefined;
}

/** The newest build of a variant. @throws BuildError image/not-built */
export function findBuiltUpdate(project: Project, variant: Variant, arch: Arch): BuiltUpdate {
  const name = newestBuild(project, variant, arch);
  const dir = join(project.dir, 'build', 'images', variantDirectory(name), 'latest');
  const sums = readSums(dir);
  const images = imagesOf(name, variant);
  const aliases = [
    ...diskNames(name, variant, project),
    [OVA_SUFFIX, linkNames(name, OVA_SUFFIX).at(-1) ?? ''],
    [KMOD_KIT_SUFFIX, kmodKitTarget(name)],
  ] as const;
  const wanted = [
    ...Object.values(images).map((file): [string, string] => [file, file]),
    ...aliases.flatMap(([suffix, alias]): [string, string][] => {
      const file = fileName(name, suffix);
      return [...(suffix === KMOD_KIT_SUFFIX ? [] : [[file, file] as [string, string]]), [file, alias]];
    }),
  ];
  const sources = wanted
    .filter(([file]) => sums.has(file))
    .map(([file, target]) => ({ name: target, path: join(dir, file), sha256: sums.get(file) }));
  const missing = Object.values(images).filter((file) => !sums.has(file));
  if (missing.length > 0) throw notBuilt(variant, arch, join(dir, missing[0] ?? ''));
  const migrations = fileName(name, MIGRATIONS_SUFFIX);
  return { name, dir, images, sources, migrations: sums.has(migrations) ? join(dir, migrations) : undefined };
}

function imagesOf(name: ImageName, { image }: Variant): BuiltUpdate['images'] {
  const root = rootSuffix(image.features['erofs-root'] ? 'erofs' : 'ext4');
  return { boot: fileName(name, BOOT_SUFFIX), root: fileName(name, root), hash: fileName(name, VERITY_SUFFIX) };
}

/** Whole disks, each also under the name that people write. */
function diskNames(
  name: ImageName,
  { image }: Variant,
  { release }: Project,
): readonly (readonly [suffix: string, alias: string])[] {
  const { disks } = planLayout({ image, osName: release.name });
  return disks.map(({ key }) => {
    const suffix = diskSuffix(key, image.format);
    return [suffix, linkNames(name, suffix).at(-1) ?? ''] as const;
  });
}

/** `latest` is named `<version>-<build>`: which is not what Release.yaml says now, if that was changed since. */
function newestBuild({ dir, release }: Project, variant: Variant, arch: Arch): ImageName {
  const name = { osName: release.name, variant: variant.name, arch, version: release.version, buildId: '' };
  const link = join(dir, 'build', 'images', variantDirectory(name), 'latest');
  if (!existsSync(link)) throw notBuilt(variant, arch, link);
  const [, version = '', buildId = ''] = /^(\d+\.\d+\.\d+)-(.+)$/.exec(readlinkSync(link)) ?? [];
  if (version === release.version) return { ...name, buildId };
  throw new BuildError(
    'image/other-version',
    `Cannot take the newest build of ${variant.name}: it is of version ${version}, and Release.yaml says ${release.version}`,
    {
      hint: `Build it: npx tsx Makefile.ts build --variant ${variant.name} --arch ${arch}`,
    },
  );
}

function notBuilt(variant: Variant, arch: Arch, path: string): BuildError {
  return new BuildError('image/not-built', `Cannot find an image of ${variant.name} for ${arch}: expected ${path}`, {
    hint: `Build it: npx tsx Makefile.ts build --variant ${variant.name} --arch ${arch}`,
  });
}

/** The migrations in a build's archive, unpacked into `dir`. */
export async function unpackMigrations(archive: string, dir: string): Promise<readonly TargetSource[]> {
  await mkdir(dir, { recursive: true });
  const names: string[] = [];
  await extract({
    file: archive,
    cwd: dir,
    strict: true,
    filter: isMigration,
    onReadEntry: ({ path }) => isMigration(path) && names.push(path.replace(/^\.\//, '')),
  });
  return names.map((name) => ({ name, path: join(dir, name) }));
}

function isMigration(path: string): boolean {
  return /^(\.\/)?migrate_v[^/]+$/.test(path);
}

/** What a version may have in a repository beside the images of its update: whole disks, the kernel-module kit. */
export function optionalTargets(
  fleet: { readonly variant: string; readonly arch: Arch },
  { version, images }: { readonly version: string; readonly images: { readonly boot: string } },
): readonly string[] {
  const stem = images.boot.slice(0, -BOOT_SUFFIX.length);
  const disks = (['raw', 'qcow2', 'vmdk'] as const).flatMap((format) => [
    diskSuffix('os', format),
    diskSuffix('data', format),
  ]);
  const kit = kmodKitTarget({ ...fleet, osName: '', version, buildId: '' });
  return [...disks.map((suffix) => `${stem}${suffix}`), `${stem}.ova`, kit];
}
