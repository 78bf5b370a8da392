/** A finished image, taken apart and put together anew: no package is built, and what does not change stays as it was. */
import { z } from 'zod';

import type { Arch } from '../config/arch.ts';
import type { ImageManifest } from '../config/variant.ts';
import { BuildError } from '../errors.ts';
import type { Task } from '../graph/task.ts';
import { fitting, type PartitionImage } from './fit.ts';
import { contentUuid } from './identity.ts';
import { LABEL_SCRIPT, labelFiles } from './labels.ts';
import { partitionOf, type Content, type Disk, type Layout, type Partition } from './layout.ts';
import { image, type FileOutput, type ImageBench, type RootType } from './partitions.ts';
import { stepTask, text } from './step.ts';

/** What of an OS disk a build has filled, and the next one cannot make of nothing. */
const TAKEN = ['bios', 'esp', 'boot', 'root', 'verity'] as const satisfies readonly Content[];
export type Taken = (typeof TAKEN)[number];

/** Outputs `table.json`, `mbr.img`, and `<content>.img` of each that is taken. */
export function takeApartTask(bench: ImageBench, disk: FileOutput, format: ImageManifest['format']): Task {
  const { layout } = bench;
  const places = TAKEN.map((content) => [content, partitionOf(layout, content)] as const);
  return stepTask(bench, {
    kind: 'taken-apart',
    title: 'Take the disk apart',
    script: 'take-apart.sh',
    helpers: ['fill.py', 'table.py'],
    needs: [disk.task],
    cost: { memoryMiB: 512 },
    sees: (inputs) => ({
      env: { FORMAT: format },
      files: {
        disk: inputs.output(disk.task, disk.output),
        places: text(places.map(([name, { startMiB, sizeMiB }]) => `${name} ${startMiB} ${sizeMiB}\n`).join('')),
      },
    }),
    outputs: ['table.json', 'mbr.img', ...TAKEN.map((content) => `${content}.img`)],
  });
}

export function taken({ layout }: ImageBench, apart: Task, content: Taken): PartitionImage {
  return { partition: partitionOf(layout, content), task: apart, output: `${content}.img` };
}

const EFI_ARCH = { x86_64: 'x64', aarch64: 'aa64' } as const satisfies Record<Arch, string>;

/** Outputs as take-contents.sh says. It fails where root is not what its hash tree vouches for. */
export function takeContentsTask(bench: ImageBench, apart: Task, rootType: RootType): Task {
  return stepTask(bench, {
    kind: 'taken-contents',
    title: 'Take out what the image is made of',
    script: 'take-contents.sh',
    helpers: ['take-loaders.sh'],
    needs: [apart],
    sees: (inputs) => {
      const images = (['boot', 'root', 'verity', 'esp'] as const).map((name) => `${name}.img`);
      return {
        env: { TYPE: rootType, EFI_ARCH: EFI_ARCH[bench.arch] },
        files: Object.fromEntries(images.map((name) => [name, inputs.output(apart, name)])),
      };
    },
    outputs: [
      'boot.tar',
      'grub.cfg',
      'verity.img',
      'root-hash',
      'file_contexts',
      'file_contexts.subs_dist',
      'triple',
      'boot.efi',
      'grub.efi',
    ],
  });
}

/** What a machine loads to start: outputs `boot.efi`, `grub.efi` (empty where firmware starts GRUB itself), `grub.cfg` and `vmlinuz`. */
export function takeChainTask(bench: ImageBench, apart: Task): Task {
  return stepTask(bench, {
    kind: 'taken-chain',
    title: 'Take out what a machine loads to start',
    script: 'take-chain.sh',
    helpers: ['take-loaders.sh'],
    needs: [apart],
    sees: (inputs) => ({
      env: { EFI_ARCH: EFI_ARCH[bench.arch] },
      files: Object.fromEntries(['boot.img', 'esp.img'].map((name) => [name, inputs.output(apart, name)])),
    }),
    outputs: ['boot.efi', 'grub.efi', 'grub.cfg', 'vmlinuz'],
  });
}

export interface RootChange {
  readonly root: PartitionImage;
  readonly type: RootType;
  /** Has the outputs file_contexts and file_contexts.subs_dist. */
  readonly contents: Task;
  /** Path below `/` of root -> file. */
  readonly files: ReadonlyMap<string, FileOutput>;
}

/** Root with other files in it. */
export function changedRootTask(bench: ImageBench, { root, type, contents, files }: RootChange): PartitionImage {
  const entries = [...files];
  return image(bench, 'root', {
    kind: 'root',
    title: `Change the root file system (${type})`,
    script: 'change-root.sh',
    helpers: [LABEL_SCRIPT],
    needs: [root.task, contents, ...entries.map(([, { task }]) => task)],
    cost: { memoryMiB: 512 },
    sees: (inputs) => {
      const before = fitting(inputs, root);
      const own = entries.map(([path, { task, output }]) => [`files/${path}`, inputs.output(task, output)] as const);
      const from = [before.digest.hash, ...own.flatMap(([path, file]) => [path, file.digest.hash])];
      return {
        env: { TYPE: type, UUID: contentUuid({ of: 'root', from }), SIZE_MIB: String(root.partition.sizeMiB) },
        files: { 'root.img': before, ...labelFiles(inputs, contents), ...Object.fromEntries(own) },
      };
    },
    outputs: ['root.img'],
  });
}

const tableSchema = z.array(
  z.object({
    number: z.int(),
    type: z.string(),
    guid: z.string(),
    name: z.string(),
    first: z.int(),
    last: z.int(),
  }),
);

const SECTORS_PER_MIB = 2048;

/** Every partition of the disk that is not where and what the layout says, and the other way round. `table`: as table.py has it. */
export function checkTable({ key, partitions }: Disk, table: string, file: string): BuildError[] {
  const found = new Map(
    tableSchema.parse(JSON.parse(table)).map(({ number, name, type, first, last }) => {
      const [startMiB, sizeMiB] = [first / SECTORS_PER_MIB, (last + 1 - first) / SECTORS_PER_MIB];
      return [number, describe({ label: name, type, startMiB, sizeMiB })];
    }),
  );
  const wanted = new Map(partitions.map((partition) => [partition.number, describe(partition)]));
  return [...new Set([...wanted.keys(), ...found.keys()])]
    .toSorted((a, b) => a - b)
    .filter((number) => wanted.get(number) !== found.get(number))
    .map((number) => {
      const [expected = 'none', got = 'none'] = [wanted.get(number), found.get(number)];
      return new BuildError(
        'image/other-layout',
        `Cannot take "${file}" apart: expected partition ${number} of the ${key} disk to be ${expected}, got ${got}`,
        { hint: 'Set image.layout and image.features of variant.yaml as they were when the image was built' },
      );
    });
}

/** The unique GUIDs of a disk's partitions, by number. `table`: as table.py has it. */
export function guidsOf(table: string): ReadonlyMap<number, string> {
  return new Map(tableSchema.parse(JSON.parse(table)).map(({ number, guid }) => [number, guid]));
}

function describe({
  label,
  type,
  sizeMiB,
  startMiB,
}: Pick<Partition, 'label' | 'type' | 'sizeMiB' | 'startMiB'>): string {
  return `${label || 'no name'}, type ${type}, ${sizeMiB} MiB at ${startMiB} MiB`;
}

/** The disk that all of it is taken from. */
export function osDisk({ disks }: Layout): Disk {
  return disks[0];
}
