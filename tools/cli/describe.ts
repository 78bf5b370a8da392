import { basename, relative } from 'node:path';

import type { Arch } from '../config/arch.ts';
import type { PlacedImage } from '../image/place.ts';
import type { Statistics } from '../graph/statistics.ts';
import type { BuiltPackage } from '../recipe/build-package.ts';
import { formatBytes, formatSeconds, formatTable } from '../report/format.ts';

/** What a build did, in a sentence. */
export function describeEffort({ built, wallSeconds, cpuSeconds, criticalPathSeconds }: Statistics): string {
  if (built === 0) return 'nothing to do, all of it is in the store';
  return `${built} ${built === 1 ? 'task' : 'tasks'} in ${formatSeconds(wallSeconds)} (${formatSeconds(cpuSeconds)} of CPU, critical path ${formatSeconds(criticalPathSeconds)})`;
}

export function describePackage({ name, arch, rpms, statistics }: BuiltPackage): string {
  const table = formatTable(rpms.map(({ file, bytes, path }) => [`  ${file}`, formatBytes(bytes), path]));
  return `Package ${name} for ${arch}: ${describeEffort(statistics)}\n${table}`;
}

export interface BuiltImage extends PlacedImage {
  readonly variant: string;
  readonly arch: Arch;
  readonly packages: number;
}

/** What a build of images made, how large, how long it took, and what to do next, called as it was called now. */
export function describeImages(images: readonly BuiltImage[], statistics: Statistics, command: string): string {
  const blocks = images.map(({ variant, arch, packages, dir, files }) => {
    const table = formatTable(
      files.map(({ path, output }) => [`  ${basename(path)}`, formatBytes(output.digest.size)]),
    );
    return `${variant} for ${arch}, ${packages} packages, in ${relative('', dir)}/\n${table}`;
  });
  const [first] = images;
  const next = first === undefined ? [] : [`Boot it: ${command} run --variant ${first.variant} --arch ${first.arch}`];
  return [...blocks, `Build: ${describeEffort(statistics)}`, ...next].join('\n');
}

/** The same for machines. */
export function imagesToJson(images: readonly BuiltImage[]): unknown {
  return images.map(({ files, ...image }) => ({
    ...image,
    files: files.map(({ path, output }) => ({ path, sha256: output.digest.hash, bytes: output.digest.size })),
  }));
}
