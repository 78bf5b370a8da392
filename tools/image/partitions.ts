/** One function for each thing that fills a partition. */
import type { Release } from '../config/release.ts';
import type { Output, Task } from '../graph/task.ts';
import type { ActionInput } from '../sandbox/action.ts';
import { grubConfig, ROOT_HASH } from './boot-config.ts';
import { fitting, type PartitionImage } from './fit.ts';
import { hasPolicy, LABEL_SCRIPT, labelFiles } from './labels.ts';
import { contentId, contentSalt, contentUuid } from './identity.ts';
import { partitionOf, type Content, type Layout } from './layout.ts';
import { osReleaseLines } from './os-release.ts';
import { stepTask, text, type Step, type StepBench } from './step.ts';

export interface ImageBench extends StepBench {
  readonly release: Release;
  readonly layout: Layout;
}

export type RootType = 'erofs' | 'ext4';

export interface FileOutput {
  readonly task: Task;
  readonly output: string;
}

const BLOCK_BYTES = 4096;

/** The installed tree with its labels, and what os-release has to say of this very image. */
export function rootTask(
  bench: ImageBench,
  { install, buildId, type }: { install: Task; buildId: string; type: RootType },
): PartitionImage {
  const { release, variant, layout } = bench;
  const osRelease = osReleaseLines({ release, variant, buildId });
  return image(bench, 'root', {
    kind: 'root',
    title: `Make the root file system (${type})`,
    script: 'root.sh',
    // Where an erofs will be put does not matter to it.
    helpers: [LABEL_SCRIPT, ...(type === 'ext4' ? ['shrunk-ext4.sh'] : [])],
    needs: [install],
    cost: { cores: type === 'erofs' ? Infinity : 1, memoryMiB: 768 },
    sees: (inputs) => {
      const tar = inputs.output(install, 'root.tar');
      const sizes = type === 'ext4' ? { SIZE_MIB: String(partitionOf(layout, 'root').sizeMiB) } : {};
      return {
        env: { TYPE: type, UUID: contentUuid({ of: 'root', from: [tar.digest.hash, osRelease] }), ...sizes },
        files: { 'root.tar': tar, 'os-release': text(osRelease), ...labelFiles(inputs, install) },
      };
    },
    outputs: ['root.img'],
  });
}

/** dm-verity's hash tree. */
export function verityTask(bench: ImageBench, root: PartitionImage): PartitionImage {
  return image(bench, 'verity', {
    kind: 'verity',
    title: 'Hash the root file system',
    script: 'verity.sh',
    needs: [root.task],
    sees: (inputs) => {
      const data = fitting(inputs, root);
      const from = [data.digest.hash];
      return {
        env: { SALT: saltOf(data.digest.hash), UUID: contentUuid({ of: 'verity', from }) },
        files: { 'root.img': data },
      };
    },
    outputs: ['verity.img', 'root-hash'],
  });
}

function saltOf(rootDigest: string): string {
  return contentSalt({ of: 'verity salt', from: [rootDigest] });
}

export interface BootOptions {
  /** Has the outputs boot.tar and file_contexts. */
  readonly install: Task;
  readonly root: PartitionImage;
  /** Has the output root-hash, too. */
  readonly verity: PartitionImage;
  /** Of a hash tree that was made elsewhere. */
  readonly salt?: string | undefined;
  /** Of the menu's entry. */
  readonly title: string;
  readonly kernelParameters: readonly string[];
}

/** The kernel, and what GRUB is to tell it. */
export function bootTask(bench: ImageBench, options: BootOptions): PartitionImage {
  return image(bench, 'boot', {
    ...bootStep(bench, options, 'unsigned'),
    kind: 'boot',
    title: 'Make the boot file system',
    script: 'boot.sh',
    helpers: ['boot-files.sh', LABEL_SCRIPT, 'shrunk-ext4.sh'],
    outputs: ['boot.img'],
  });
}

/** What of a boot partition is signed before there is one: outputs `vmlinuz` and `grub.cfg`. */
export function bootFilesTask(bench: ImageBench, options: BootOptions): Task {
  return stepTask(bench, {
    ...bootStep(bench, options, 'signed'),
    kind: 'boot-files',
    title: 'Take out what is signed',
    script: 'take-boot-files.sh',
    helpers: ['boot-files.sh'],
    outputs: ['vmlinuz', 'grub.cfg'],
  });
}

/** The boot partition with files in place of its own, and beside them: path in it -> file. */
export function signedBootTask(
  bench: ImageBench,
  install: Task,
  files: ReadonlyMap<string, FileOutput>,
): PartitionImage {
  const entries = [...files];
  return image(bench, 'boot', {
    kind: 'boot',
    title: 'Make the boot file system, signed',
    script: 'boot.sh',
    helpers: ['boot-files.sh', LABEL_SCRIPT, 'shrunk-ext4.sh'],
    needs: [install, ...entries.map(([, { task }]) => task)],
    sees: (inputs) => {
      const tar = inputs.output(install, 'boot.tar');
      const own = entries.map(([path, { task, output }]) => [`signed/${path}`, inputs.output(task, output)] as const);
      const uuid = contentUuid({
        of: 'boot',
        from: [tar, ...own.map(([, file]) => file)].map(({ digest }) => digest.hash),
      });
      return {
        env: { UUID: uuid, SIZE_MIB: String(partitionOf(bench.layout, 'boot').sizeMiB) },
        files: { 'boot.tar': tar, ...labelFiles(inputs, install), ...Object.fromEntries(own) },
      };
    },
    outputs: ['boot.img'],
  });
}

function bootStep(
  { layout }: ImageBench,
  { install, root, verity, salt, title, kernelParameters }: BootOptions,
  chain: 'signed' | 'unsigned',
): Pick<Step, 'needs' | 'sees'> {
  return {
    needs: [install, root.task, verity.task],
    sees: (inputs) => {
      const tar = inputs.output(install, 'boot.tar');
      const { hash, size } = inputs.output(root.task, root.output).digest;
      const config = grubConfig({
        title,
        kernelParameters,
        selinux: hasPolicy(inputs, install),
        verity: { dataBlocks: size / BLOCK_BYTES, rootHash: ROOT_HASH, salt: salt ?? saltOf(hash) },
        signed: chain === 'signed',
      });
      const uuid = contentUuid({ of: 'boot', from: [tar.digest.hash, hash, config] });
      return {
        env: { UUID: uuid, SIZE_MIB: String(partitionOf(layout, 'boot').sizeMiB) },
        files: {
          'boot.tar': tar,
          'grub.cfg': text(config),
          'root-hash': inputs.output(verity.task, 'root-hash'),
          ...labelFiles(inputs, install),
        },
      };
    },
  };
}

/** GRUB for UEFI. */
export function espTask(bench: ImageBench, grub: Task): PartitionImage {
  return image(bench, 'esp', {
    kind: 'esp',
    title: 'Make the EFI system partition',
    script: 'esp.sh',
    needs: [grub],
    sees: (inputs) => {
      const tree = inputs.output(grub, 'tree');
      return { env: espEnv(bench, [tree]), files: { grub: tree } };
    },
    outputs: ['esp.img'],
  });
}

/** A signed boot loader: names below EFI/BOOT -> file, and texts beside them. */
export function signedEspTask(
  bench: ImageBench,
  files: ReadonlyMap<string, FileOutput>,
  certificate: ActionInput,
): PartitionImage {
  return image(bench, 'esp', {
    kind: 'esp',
    title: 'Make the EFI system partition, signed',
    script: 'esp.sh',
    needs: [...files.values()].map(({ task }) => task),
    sees: (inputs) => {
      const own = [...files].map(
        ([name, { task, output }]) => [`signed/${name}`, inputs.output(task, output)] as const,
      );
      return {
        env: espEnv(
          bench,
          own.map(([, file]) => file),
        ),
        files: { ...Object.fromEntries(own), 'signed/db.pem': certificate },
      };
    },
    outputs: ['esp.img'],
  });
}

function espEnv({ layout }: ImageBench, content: readonly Output[]): Readonly<Record<string, string>> {
  const volumeId = contentId({ of: 'esp', from: content.map(({ digest }) => digest.hash) });
  return { VOLUME_ID: volumeId, SIZE_MIB: String(partitionOf(layout, 'esp').sizeMiB) };
}

/** GRUB for PC BIOS; beside the partition's image it gives `mbr.img`, for the disk's first sector. */
export function biosTask(bench: ImageBench, grub: Task): PartitionImage {
  const startSector = partitionOf(bench.layout, 'bios').startMiB * 2048;
  return image(bench, 'bios', {
    kind: 'bios',
    title: 'Place GRUB for PC BIOS',
    script: 'bios.sh',
    needs: [grub],
    sees: (inputs) => ({ env: { START_SECTOR: String(startSector) }, files: { grub: inputs.output(grub, 'tree') } }),
    outputs: ['bios.img', 'mbr.img'],
  });
}

/** Small files in plenty on private, an inode for each block; on data no block is kept back for root. */
const FRESH_OPTIONS = { private: '-i 4096', data: '-m 0' };

/** An empty file system for what the running system writes. */
export function freshTask(bench: ImageBench, content: keyof typeof FRESH_OPTIONS): PartitionImage {
  const sizeMiB = String(partitionOf(bench.layout, content).sizeMiB);
  const options = FRESH_OPTIONS[content];
  const uuid = contentUuid({ of: content, from: [sizeMiB, options] });
  return image(bench, content, {
    kind: content,
    title: `Make the ${content} file system`,
    script: 'fresh-ext4.sh',
    needs: [],
    sees: () => ({ env: { SIZE_MIB: sizeMiB, UUID: uuid, OPTIONS: options } }),
    outputs: ['fresh.img'],
  });
}

/** The step's first output is what goes on the partition. */
export function image(bench: ImageBench, content: Content, step: Step): PartitionImage {
  const [output = ''] = step.outputs;
  return { partition: partitionOf(bench.layout, content), task: stepTask(bench, step), output };
}
