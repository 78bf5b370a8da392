import { contentUuid } from './identity.ts';
import type { Disk } from './layout.ts';

const SECTORS_PER_MIB = 2048;

/** sgdisk's arguments for a disk. `content` stands for the bytes of all its partitions: GUIDs that are not fixed follow from it. */
export function sgdiskArguments({ key, partitions }: Disk, content: readonly string[]): string[] {
  const partitionArguments = partitions.flatMap((partition) => {
    const { number, startMiB, sizeMiB } = partition;
    const end = (startMiB + sizeMiB) * SECTORS_PER_MIB - 1;
    const guid = partition.guid ?? contentUuid({ of: `${key} disk: ${partition.key}`, from: content });
    return [
      `--new=${number}:${startMiB * SECTORS_PER_MIB}:${end}`,
      `--typecode=${number}:${partition.type}`,
      `--partition-guid=${number}:${guid}`,
      `--change-name=${number}:${partition.label}`,
      ...partition.attributeBits.map((bit) => `--attributes=${number}:set:${bit}`),
    ];
  });
  return ['--clear', `--disk-guid=${contentUuid({ of: `${key} disk`, from: content })}`, ...partitionArguments];
}
