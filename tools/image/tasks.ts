/**
 * An image as a graph. Each partition is its own task, so a change re-makes what holds it and no more: a kernel parameter reaches
 * boot and the disk, a build id reaches root and so its hash tree, boot and the disk, and no package is installed again.
 */
import type { Arch } from '../config/arch.ts';
import type { Release } from '../config/release.ts';
import type { ImageManifest, Variant } from '../config/variant.ts';
import type { Task } from '../graph/task.ts';
import type { ActionInput } from '../sandbox/action.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';
import { compressedTask, diskTask } from './disk.ts';
import type { PartitionImage } from './fit.ts';
import { planLayout } from './layout.ts';
import { prettyName } from './os-release.ts';
import { BOOT_SUFFIX, diskSuffix, INVENTORY_SUFFIX, PACKAGES_SUFFIX, rootSuffix, VERITY_SUFFIX } from './names.ts';
import {
  biosTask,
  bootFilesTask,
  bootTask,
  espTask,
  freshTask,
  rootTask,
  signedBootTask,
  signedEspTask,
  verityTask,
  type BootOptions,
  type FileOutput,
  type ImageBench,
  type RootType,
} from './partitions.ts';

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

/** @throws BuildError image/disk-too-large */
export function imageTasks(options: ImageOptions): readonly Artifact[] {
  const foundation = lay(options);
  const { bench, boot } = foundation;
  const chain = { esp: espTask(bench, options.grub), boot: bootTask(bench, boot) };
  return [...disksAndBoot(foundation, chain), ...rootArtifacts(foundation), ...listArtifacts(options)];
}

/** A boot chain that came back from the signer. */
export interface SignedFiles {
  /** Name below EFI/BOOT of the ESP -> file. */
  readonly esp: ReadonlyMap<string, FileOutput>;
  /** Path in the boot partition -> file. */
  readonly boot: ReadonlyMap<string, FileOutput>;
  /** What firmware has to know, in PEM. */
  readonly certificate: ActionInput;
}

/** An image whose boot chain is signed, in two parts: no key has a part in the first one. */
export interface SignableImage {
  /** What no signature reaches. */
  readonly artifacts: readonly Artifact[];
  /** Has the outputs `vmlinuz` and `grub.cfg`, to be signed. */
  readonly bootFiles: Task;
  /** The rest, for signed files: boot, ESP and the disks. */
  finish(signed: SignedFiles): readonly Artifact[];
}

/** @throws BuildError image/disk-too-large */
export function signableImage(options: ImageOptions): SignableImage {
  return signableFoundation(lay(options), listArtifacts(options));
}

/** `lists`: artifacts that are there already. */
export function signableFoundation(foundation: Foundation, lists: readonly Artifact[]): SignableImage {
  const { bench, boot } = foundation;
  return {
    artifacts: [...rootArtifacts(foundation), ...lists],
    bootFiles: bootFilesTask(bench, boot),
    finish: (signed) =>
      disksAndBoot(foundation, {
        esp: signedEspTask(bench, signed.esp, signed.certificate),
        boot: signedBootTask(bench, boot.install, signed.boot),
      }),
  };
}

/** An image but for its boot chain. */
export interface Foundation {
  readonly bench: ImageBench;
  readonly boot: BootOptions;
  /** On a PC; its task has the output mbr.img, too. */
  readonly bios: PartitionImage | undefined;
  readonly rootType: RootType;
  readonly format: ImageManifest['format'];
}

/** Root and what vouches for it. */
function lay({ variant, arch, release, buildId, install, grub, sandbox, tools }: ImageOptions): Foundation {
  const { image } = variant;
  const layout = planLayout({ image, osName: release.name });
  const bench: ImageBench = { sandbox, tools, variant: variant.name, arch, release, layout };
  const rootType = image.features['erofs-root'] ? 'erofs' : 'ext4';
  const root = rootTask(bench, { install, buildId, type: rootType });
  const title = prettyName({ release, variant: variant.name });
  return {
    bench,
    boot: { install, root, verity: verityTask(bench, root), title, kernelParameters: variant['kernel-parameters'] },
    bios: arch === 'x86_64' ? biosTask(bench, grub) : undefined,
    rootType,
    format: image.format,
  };
}

export function rootArtifacts({ bench, boot: { root, verity }, rootType }: Foundation): readonly Artifact[] {
  return [
    { suffix: rootSuffix(rootType), task: compressedTask(bench, root), output: 'image.lz4' },
    { suffix: VERITY_SUFFIX, task: compressedTask(bench, verity), output: 'image.lz4' },
  ];
}

function listArtifacts({ install }: ImageOptions): readonly Artifact[] {
  return [
    { suffix: INVENTORY_SUFFIX, task: install, output: 'inventory.json' },
    { suffix: PACKAGES_SUFFIX, task: install, output: 'packages.json' },
  ];
}

/** All that holds the boot chain. */
export function disksAndBoot(
  { bench, boot: { root, verity }, bios, format }: Foundation,
  { esp, boot }: { esp: PartitionImage; boot: PartitionImage },
): readonly Artifact[] {
  const fresh = [freshTask(bench, 'private'), freshTask(bench, 'data')];
  const images = [...(bios === undefined ? [] : [bios]), esp, boot, root, verity, ...fresh];
  return [
    ...bench.layout.disks.map((disk) => ({
      suffix: diskSuffix(disk.key, format),
      task: diskTask(bench, { disk, images, bios: bios?.task, format }),
      output: 'disk',
    })),
    { suffix: BOOT_SUFFIX, task: compressedTask(bench, boot), output: 'image.lz4' },
  ];
}
