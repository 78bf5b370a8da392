import { basename, relative } from 'node:path';

import type { Arch } from '../config/arch.ts';
import type { ContentChange, Contents } from '../image/contents.ts';
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
  readonly contents: Contents;
  /** Since the image that was the newest before; undefined for the first. */
  readonly changes: readonly ContentChange[] | undefined;
}

const LARGEST = 10;

/** The packages that take most of the room, and what is not as it was. */
function describeContents({ contents, changes }: Pick<BuiltImage, 'contents' | 'changes'>): string[] {
  const largest = contents.toSorted((a, b) => b.bytes - a.bytes).slice(0, LARGEST);
  const sizes = largest.map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`).join(', ');
  return [`  largest: ${sizes}`, ...(changes ?? []).map((change) => `  changed: ${describeChange(change)}`)];
}

function describeChange({ name, before, after }: ContentChange): string {
  if (before === undefined) return `${name} ${after?.version} is new, ${formatBytes(after?.bytes ?? 0)}`;
  if (after === undefined) return `${name} ${before.version} is gone, ${formatBytes(before.bytes)}`;
  const versions = before.version === after.version ? after.version : `${before.version} -> ${after.version}`;
  return `${name} ${versions}, ${formatBytes(before.bytes)} -> ${formatBytes(after.bytes)}`;
}

/** What a build of images made, how large, how long it took, and what to do next, called as it was called now. */
export function describeImages(images: readonly BuiltImage[], statistics: Statistics, command: string): string {
  const blocks = images.map(({ variant, arch, contents, changes, dir, files }) => {
    const table = formatTable(
      files.map(({ path, output }) => [`  ${basename(path)}`, formatBytes(output.digest.size)]),
    );
    const head = `${variant} for ${arch}, ${contents.length} packages, in ${relative('', dir)}/`;
    return [head, table, ...describeContents({ contents, changes })].join('\n');
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
