import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

import type { Arch } from '../config/arch.ts';
import type { Variant } from '../config/variant.ts';
import { BuildError } from '../errors.ts';
import { planLayout } from '../image/layout.ts';
import { diskSuffix, linkNames, variantDirectory } from '../image/names.ts';
import { toolRoot } from '../sdk/tool-root.ts';
import { flashTask } from '../secure-boot/efi-vars.ts';
import { EFI_VARS } from '../secure-boot/profile.ts';
import type { Profile } from '../secure-boot/profile.ts';
import type { Supply } from '../sources/supply.ts';
import { overlayDisk, unpackDisk } from '../vm/disk.ts';
import type { DiskFile, Drive } from '../vm/disk.ts';
import { VmTools } from '../vm/tools.ts';
import { runPhase } from './workbench.ts';
import type { Workbench } from './workbench.ts';

/** Brings QEMU, its firmware and the tools around them. */
export async function prepareVmTools(bench: Workbench, supply: Supply): Promise<VmTools> {
  const root = toolRoot('vm', { ...supply, sandbox: bench.sandbox });
  const result = await runPhase(bench, 'Prepare QEMU', root.tasks);
  const [layer] = root.layers(result);
  if (layer === undefined) throw new TypeError('a tool root has a layer');
  return new VmTools(bench.store.pathOf(layer));
}

/** Flash memory in which firmware finds a profile's keys, and enforces them. Gives its path. */
export async function prepareVariables(
  bench: Workbench,
  supply: Supply,
  { profile, arch }: { readonly profile: Profile; readonly arch: Arch },
): Promise<string> {
  const tools = toolRoot('vm', { ...supply, sandbox: bench.sandbox });
  const variables = readFileSync(join(profile.dir, EFI_VARS.qemu), 'utf8');
  const task = flashTask({ sandbox: bench.sandbox, tools }, variables, arch);
  const result = await runPhase(bench, 'Prepare firmware', [task]);
  return bench.store.pathOf(result.output(task, 'variables.fd'));
}

/** The disks of the newest image of a variant in this checkout, the OS disk first. @throws BuildError image/not-built */
export function findDisks({ project }: Pick<Workbench, 'project'>, variant: Variant, arch: Arch): readonly DiskFile[] {
  const { name: osName, version } = project.release;
  const name = { osName, variant: variant.name, arch, version, buildId: '' };
  const latest = join(project.dir, 'build', 'images', variantDirectory(name), 'latest');
  const { format } = variant.image;
  return planLayout({ image: variant.image, osName }).disks.map((disk) => {
    const [link = ''] = linkNames(name, diskSuffix(disk.key, format));
    const path = join(latest, link);
    if (existsSync(path)) return { path: realpathSync(path), form: format === 'raw' ? 'raw.lz4' : format };
    throw new BuildError('image/not-built', `Cannot find an image of ${variant.name} for ${arch}: expected ${path}`, {
      hint: `Build it: npx tsx Makefile.ts build --variant ${variant.name} --arch ${arch}`,
    });
  });
}

/** Drives whose writes end with `dir`. The last one, which carries data, is as large as a published volume. */
export async function openDrives(
  tools: VmTools,
  files: readonly DiskFile[],
  { dir, sizeGiB }: { dir: string; sizeGiB: number },
): Promise<readonly Drive[]> {
  const drives: Drive[] = [];
  for (const [index, file] of files.entries()) {
    const own = join(dir, `drive-${index}`);
    mkdirSync(own);
    const base = await unpackDisk(tools, file, own);
    const size = index === files.length - 1 ? { sizeGiB } : {};
    drives.push(await overlayDisk(tools, base, { path: join(own, 'overlay.qcow2'), ...size }));
  }
  return drives;
}
