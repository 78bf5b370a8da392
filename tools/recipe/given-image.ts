/** An image that is finished: built here, or brought from a repository. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import type { Arch } from '../config/arch.ts';
import type { Located } from '../config/project.ts';
import type { Variant } from '../config/variant.ts';
import { BuildError, throwAll } from '../errors.ts';
import { givenTask, GIVEN } from '../graph/given-task.ts';
import type { Task } from '../graph/task.ts';
import { planLayout } from '../image/layout.ts';
import { diskSuffix, fileName } from '../image/names.ts';
import type { ImageName } from '../image/names.ts';
import type { FileOutput, ImageBench } from '../image/partitions.ts';
import { checkTable, osDisk, takeApartTask } from '../image/repack.ts';
import { readFile } from '../secure-boot/bytes-task.ts';
import { runPhase } from './workbench.ts';
import type { Workbench } from './workbench.ts';

export interface GivenImage {
  readonly variant: Located<Variant>;
  readonly arch: Arch;
  /** A folder with the files of an image, as a build or a download leaves them. */
  readonly from: string;
}

export interface TakenApart {
  readonly name: ImageName;
  readonly image: ImageBench;
  /** Has the outputs of takeApartTask. */
  readonly apart: Task;
  /** Its partition table, as table.py has it. */
  readonly table: string;
  /** Where the disk was found. */
  readonly disk: string;
}

/**
 * The OS disk of an image, in parts. @throws BuildErrors image/not-built, image/other-layout
 */
export async function takeApart(bench: Workbench, request: GivenImage): Promise<TakenApart> {
  const { variant, arch, from } = request;
  const { imageTools: tools, sandbox, project, store } = bench;
  const name = findImage(bench, request);
  const layout = planLayout({ image: variant.image, osName: project.release.name });
  const image: ImageBench = { sandbox, tools, variant: variant.name, arch, release: project.release, layout };
  const disk = join(from, fileName(name, diskSuffix('os', variant.image.format)));
  const source = await given(bench, 'given-disk', { path: disk, name });
  const apart = takeApartTask(image, source, variant.image.format);
  const result = await runPhase(bench, 'Take the image apart', [apart]);
  const table = readFile(store, result, { task: apart, output: 'table.json' }).toString();
  throwAll(checkTable(osDisk(layout), table, disk));
  return { name, image, apart, table, disk };
}

/** Files of the image's own name; of several versions the one that `latest` would be is not guessed. @throws BuildError image/not-built */
function findImage({ project }: Workbench, { variant, arch, from }: GivenImage): ImageName {
  const osName = project.release.name;
  const suffix = diskSuffix('os', variant.image.format);
  const start = `${osName}-${variant.name}-${arch}-`;
  const pattern = new RegExp(`^${literal(start)}(\\d[^-]*)-(.+)${literal(suffix)}$`);
  const names = (existsSync(from) ? readdirSync(from) : [])
    .map((file) => pattern.exec(file))
    .filter((found) => found !== null);
  const [first, ...others] = names.filter(([, , buildId = '']) => !/(?:^|-)data$/.test(buildId));
  const [, version = '', buildId = ''] = first ?? [];
  if (first !== undefined && others.length === 0) return { osName, variant: variant.name, arch, version, buildId };
  const got = first === undefined ? 'none' : [first, ...others].map(([file]) => file).join(', ');
  throw new BuildError(
    'image/not-built',
    `Cannot find the image of "${variant.name}" for ${arch}: expected one image ${start}<version>-<build>${suffix} in "${from}", got ${got}`,
    { hint: 'Build the image, or bring it by "repo download", and name its folder by --from' },
  );
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

export async function given(
  { store }: Workbench,
  kind: string,
  { path, name }: { readonly path: string; readonly name: ImageName },
): Promise<FileOutput> {
  const task = await givenTask(store, path, {
    id: `${kind}/${name.variant}.${name.arch}`,
    title: 'Take the file that is given',
  });
  return { task, output: GIVEN };
}
