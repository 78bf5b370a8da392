import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Store } from '../graph/store.ts';
import type { Inputs, Task, TaskId } from '../graph/task.ts';

/** A file: an output of a task, or one below an output that is a tree. */
export interface FileRef {
  readonly task: Task;
  readonly output: string;
  readonly path?: string;
}

export interface BytesTaskOptions {
  readonly store: Store;
  readonly id: TaskId;
  readonly title: string;
  readonly input: FileRef;
  /** What is done, and how it was done when last that changed its result. */
  readonly operation: `${string}/${number}`;
  /** What it is done with. Public, as all of a key is. */
  readonly material: Uint8Array;
  readonly change: (content: Buffer) => Buffer;
}

/** The one output of a bytes task. */
export const FILE = 'file';

/** A pure function of a file small enough to hold in memory, as a task. It runs here: no tool has a part in it. */
export function bytesTask({ store, id, title, input, operation, material, change }: BytesTaskOptions): Task {
  return {
    id,
    title,
    needs: [input.task],
    cost: { cores: 1, memoryMiB: 128 },
    resolve: (inputs) => ({
      key: {
        type: 'bytes',
        operation,
        material: Buffer.from(material).toString('base64'),
        input: inputs.output(input.task, input.output).digest.hash,
        path: input.path ?? '',
      },
      run: async () => ({ [FILE]: store.putBytes(change(readFile(store, inputs, input))) }),
    }),
  };
}

export function readFile(store: Store, inputs: Inputs, { task, output, path = '' }: FileRef): Buffer {
  return readFileSync(join(store.pathOf(inputs.output(task, output)), path));
}
