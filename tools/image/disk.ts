import type { ImageManifest } from '../config/variant.ts';
import type { Inputs, Task } from '../graph/task.ts';
import { fitting, type PartitionImage } from './fit.ts';
import { contentId } from './identity.ts';
import type { Disk } from './layout.ts';
import { sgdiskArguments } from './partition-table.ts';
import { stepTask, text, type StepBench } from './step.ts';

export interface DiskOptions {
  readonly disk: Disk;
  /** Of this disk and others. */
  readonly images: readonly PartitionImage[];
  /** Has the output `mbr.img`: boot code for the first sector. */
  readonly bios: Task | undefined;
  readonly format: ImageManifest['format'];
}

/** A whole disk in its published form; the raw disk in between is never stored. Output `disk`. */
export function diskTask(bench: StepBench, { disk, images, bios, format }: DiskOptions): Task {
  const own = images.filter(({ partition }) => disk.partitions.includes(partition));
  return stepTask(bench, {
    kind: disk.key === 'os' ? 'disk' : 'data-disk',
    title: `Put the ${disk.key} disk together (${format})`,
    script: 'disk.sh',
    helpers: ['vmdk-id.sh'],
    needs: own.map(({ task }) => task),
    cost: { cores: Infinity, memoryMiB: 512 },
    sees: (inputs) => {
      const content = own.map((image) => fitting(inputs, image).digest.hash);
      const env = { SIZE_MIB: String(disk.sizeMiB), FORMAT: format, CID: contentId({ of: disk.key, from: content }) };
      return {
        env,
        files: { ...diskFiles(inputs, { disk, own, bios }), sgdisk: lines(sgdiskArguments(disk, content)) },
      };
    },
    outputs: ['disk'],
  });
}

function diskFiles(
  inputs: Inputs,
  { disk, own, bios }: { disk: Disk; own: readonly PartitionImage[]; bios: Task | undefined },
) {
  const onPartitions = own.map((image) => [`${image.partition.key}.img`, fitting(inputs, image)] as const);
  return {
    places: lines(own.map(({ partition }) => `${partition.key}.img ${partition.startMiB}`)),
    ...Object.fromEntries(onPartitions),
    ...(disk.key === 'os' && bios !== undefined ? { 'mbr.img': inputs.output(bios, 'mbr.img') } : {}),
  };
}

/** One partition as updates fetch it. Output `image.lz4`. */
export function compressedTask(bench: StepBench, { partition, task, output }: PartitionImage): Task {
  return stepTask(bench, {
    kind: `compressed-${partition.content ?? partition.key}`,
    title: `Compress ${partition.content ?? partition.key}`,
    script: 'compress.sh',
    needs: [task],
    cost: { cores: Infinity },
    sees: (inputs) => ({ files: { image: inputs.output(task, output) } }),
    outputs: ['image.lz4'],
  });
}

function lines(words: readonly string[]) {
  return text(words.map((word) => `${word}\n`).join(''));
}
