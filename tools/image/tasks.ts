/**
 * An image as a graph. Each partition is its own task, so a change re-makes what holds it and no more: a kernel parameter reaches
 * boot and the disk, a build id reaches root and so its hash tree, boot and the disk, and no package is installed again.
 */
import type { Arch } from '../config/arch.ts';
import type { Release } from '../config/release.ts';
import type { Variant } from '../config/variant.ts';
import { BuildError } from '../errors.ts';
import type { Task } from '../graph/task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';
import { compressedTask, diskTask } from './disk.ts';
import { planLayout } from './layout.ts';
import { BOOT_SUFFIX, diskSuffix, INVENTORY_SUFFIX, PACKAGES_SUFFIX, rootSuffix, VERITY_SUFFIX } from './names.ts';
import { biosTask, bootTask, espTask, freshTask, rootTask, verityTask, type ImageBench } from './partitions.ts';

export interface ImageOptions {
  readonly sandbox: Sandbox;
  /** The tool root `image`. */
  readonly tools: ToolRoot;
  readonly variant: Variant;
  readonly arch: Arch;
  readonly release: Release;
  readonly buildId: string;
  /** Has the outputs root.tar, boot.tar, inventory.json and packages.json. */
  readonly install: Task;
  /** Has the output `tree`: package grub, unpacked. */
  readonly grub: Task;
}

/** A file that a build leaves, by what follows the image's name in its own. */
export interface Artifact {
  readonly suffix: string;
  readonly task: Task;
  readonly output: string;
}

/** @throws BuildError image/disk-too-large, image/cannot-sign */
export function imageTasks(options: ImageOptions): readonly Artifact[] {
  const { variant, arch, release, buildId, install, grub, sandbox, tools } = options;
  const { image } = variant;
  if (image.features['uefi-secure-boot']) throw cannotSign(variant.name);
  const layout = planLayout({ image, osName: release.name });
  const bench: ImageBench = { sandbox, tools, variant: variant.name, arch, release, layout };
  const rootType = image.features['erofs-root'] ? 'erofs' : 'ext4';

  const root = rootTask(bench, { install, buildId, type: rootType });
  const verity = verityTask(bench, root);
  const boot = bootTask(bench, { install, root, verity, kernelParameters: variant['kernel-parameters'] });
  const bios = arch === 'x86_64' ? [biosTask(bench, grub)] : [];
  const fresh = [freshTask(bench, 'private'), freshTask(bench, 'data')];
  const images = [...bios, espTask(bench, grub), boot, root, verity, ...fresh];

  return [
    ...layout.disks.map((disk) => ({
      suffix: diskSuffix(disk.key, image.format),
      task: diskTask(bench, { disk, images, bios: bios[0]?.task, format: image.format }),
      output: 'disk',
    })),
    { suffix: BOOT_SUFFIX, task: compressedTask(bench, boot), output: 'image.lz4' },
    { suffix: rootSuffix(rootType), task: compressedTask(bench, root), output: 'image.lz4' },
    { suffix: VERITY_SUFFIX, task: compressedTask(bench, verity), output: 'image.lz4' },
    { suffix: INVENTORY_SUFFIX, task: install, output: 'inventory.json' },
    { suffix: PACKAGES_SUFFIX, task: install, output: 'packages.json' },
  ];
}

function cannotSign(variant: string): BuildError {
  return new BuildError('image/cannot-sign', `Cannot sign the boot chain of "${variant}": Slipway does not sign yet`, {
    hint: `Set image.features.uefi-secure-boot to false in variants/${variant}/variant.yaml`,
  });
}
