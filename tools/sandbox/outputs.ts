import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import type { Store } from '../graph/store.ts';
import type { Output, Outputs } from '../graph/task.ts';
import type { Action } from './action.ts';

/** Moves what an action left in `dir` into the store. */
export async function collectOutputs(action: Action, dir: string, store: Store): Promise<Outputs> {
  const wanted =
    action.outputs.type === 'named'
      ? action.outputs.names
      : Object.fromEntries(filesBelow(dir).map((name) => [name, 'file'] as const));
  const outputs: Record<string, Output> = {};
  for (const [name, type] of Object.entries(wanted))
    outputs[name] = await collect(join(dir, name), { name, type, store });
  return outputs;
}

interface Wanted {
  readonly name: string;
  readonly type: 'file' | 'tree';
  readonly store: Store;
}

async function collect(path: string, { name, type, store }: Wanted): Promise<Output> {
  const found = typeAt(path);
  if (found !== type) {
    throw new BuildError(
      'sandbox/output-missing',
      `Cannot collect output "${name}": expected a ${type}, got ${found}`,
      {
        hint: 'The command ended well without making it: read its log',
      },
    );
  }
  return type === 'file' ? await store.putFile(path) : await store.putTree(path);
}

function typeAt(path: string): 'file' | 'tree' | 'nothing' | 'something else' {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 'nothing';
  if (stats.isFile()) return 'file';
  return stats.isDirectory() ? 'tree' : 'something else';
}

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .toSorted();
}
