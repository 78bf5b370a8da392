import { BuildError } from '../errors.ts';
import type { Inputs, Output, Task } from '../graph/task.ts';
import type { Partition } from './layout.ts';

const MIB = 1024 * 1024;

/** What fills a partition: an output of a task. */
export interface PartitionImage {
  readonly task: Task;
  readonly output: string;
  readonly partition: Partition;
}

/**
 * The output, which is known to fit its partition.
 * @throws BuildError image/does-not-fit
 */
export function fitting(inputs: Inputs, { task, output, partition }: PartitionImage): Output {
  const image = inputs.output(task, output);
  if (image.digest.size <= partition.sizeMiB * MIB) return image;
  const neededMiB = Math.ceil(image.digest.size / MIB);
  throw new BuildError(
    'image/does-not-fit',
    `Cannot fill partition "${partition.key}": expected at most ${partition.sizeMiB} MiB, got ${neededMiB} MiB`,
    { hint: 'Install fewer packages, or raise image.layout.os in variant.yaml: partitions scale with it' },
  );
}
