import { readFileSync } from 'node:fs';

import { digestOf } from '../graph/digest.ts';
import type { Inputs, Output, Task } from '../graph/task.ts';
import type { TransferTask } from '../sources/offline.ts';
import { lockFile, readDefinition, requestFile } from './definition.ts';
import type { HostRoot, LockRule, ToolRootName } from './definition.ts';
import { filesTask } from './files-task.ts';
import { ownHost } from './host.ts';
import type { Host } from './host.ts';
import { makeRoot } from './make-root.ts';
import type { Workshop } from './make-root.ts';
import { missingPackages, offline } from './packages.ts';

/** Pinned tools as layers of a sandbox's `/`, lowest first. */
export interface ToolRoot {
  readonly tasks: readonly Task[];
  layers(inputs: Inputs): readonly Output[];
}

/** One root over another. */
export function stack(below: ToolRoot, above: ToolRoot): ToolRoot {
  return {
    tasks: [...below.tasks, ...above.tasks],
    layers: (inputs) => [...below.layers(inputs), ...above.layers(inputs)],
  };
}

/** Raised when the same lock would give another tree. */
const UNPACK_VERSION = 1;
const ROOT = 'root';

export interface RootOptions {
  readonly rule?: LockRule;
  /** Whose programs are in it, if not this machine's. */
  readonly host?: Host;
}

/** The packages of a root, and over those of `sdk` what is in files/: our RPM macros and compiler wrappers. */
export function toolRoot(
  name: ToolRootName,
  workshop: Workshop,
  { rule = 'answers-request', host = ownHost() }: RootOptions = {},
): ToolRoot {
  const packages = packagesTask({ name, host }, workshop, rule);
  const files =
    name === 'sdk' ? filesTask(`${packages.id}-files`, new URL('files/', import.meta.url), workshop.store) : undefined;
  return {
    tasks: files === undefined ? [packages] : [packages, files],
    layers: (inputs) => [packages, ...(files === undefined ? [] : [files])].map((task) => inputs.output(task, ROOT)),
  };
}

/** The texts are read for the key and parsed only when there is something to do: a lock takes longer to parse than a build to see that it is done. */
function packagesTask(root: HostRoot, workshop: Workshop, rule: LockRule): TransferTask {
  const texts = [requestFile(root.name), lockFile(root)].map((file) => digestOf(readFileSync(file)).hash);
  return {
    id: root.host === ownHost() ? `tool-root/${root.name}` : `tool-root/${root.host}/${root.name}`,
    title: `Unpack the tool root "${root.name}"`,
    needs: [],
    cost: { cores: 2, memoryMiB: 512, network: true },
    resolve: () => ({
      key: { type: 'tool-root', unpack: UNPACK_VERSION, request: texts[0] ?? '', lock: texts[1] ?? '', rule },
      run: async (context) => ({ [ROOT]: await makeRoot({ ...root, rule }, workshop, context) }),
    }),
    lacking: () => {
      const missing = missingPackages(readDefinition(root, rule).lock, workshop.store);
      return missing.length === 0 ? undefined : offline(root, missing);
    },
  };
}
