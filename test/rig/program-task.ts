import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { Store } from '../../tools/graph/store.ts';
import type { Task } from '../../tools/graph/task.ts';

/** The output of a program task: a folder with the program in it. */
export const PROGRAM = 'program';

/** A compiled program as one that can be run: a file of the store is nothing but bytes, a tree knows what of it is a program. */
export function programTask(compile: Task, name: string, store: Store): Task {
  return {
    id: `program/${name}`,
    title: `Install ${name}`,
    needs: [compile],
    cost: { cores: 1, memoryMiB: 64 },
    resolve: (inputs) => {
      const file = inputs.output(compile, name);
      return {
        key: { type: 'program', name, file: file.digest.hash },
        run: async ({ workDir }) => {
          const dir = join(workDir, 'program');
          await mkdir(dir);
          await copyFile(store.pathOf(file), join(dir, name));
          await chmod(join(dir, name), 0o755);
          return { [PROGRAM]: await store.putTree(dir) };
        },
      };
    },
  };
}
