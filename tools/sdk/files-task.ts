import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { unreachable } from '../errors.ts';
import { digestOf } from '../graph/digest.ts';
import type { Store } from '../graph/store.ts';
import type { Task } from '../graph/task.ts';

/**
 * A folder of the checkout as a tree of the store. Content, links and whether a file may be run are all that git keeps of it,
 * and so all that counts.
 */
export function filesTask(id: string, folder: URL, store: Store): Task {
  const dir = fileURLToPath(folder);
  const entries = readEntries(dir, '');
  return {
    id,
    title: `Take over the files of ${id}`,
    needs: [],
    cost: { cores: 1, memoryMiB: 16 },
    resolve: () => ({
      key: { type: 'files', entries: Object.fromEntries(entries.map((entry) => [entry.path, printEntry(entry)])) },
      run: async (context) => {
        const tree = join(context.workDir, 'files');
        mkdirSync(tree);
        for (const entry of entries) copyEntry(entry, dir, tree);
        return { root: await store.putTree(tree) };
      },
    }),
  };
}

/** Folders come before what is in them. */
type Entry =
  | { readonly type: 'folder'; readonly path: string }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  | { readonly type: 'file'; readonly path: string; readonly hash: string; readonly mode: number };

function readEntries(dir: string, folder: string): Entry[] {
  const names = readdirSync(join(dir, folder)).toSorted((a, b) => (a < b ? -1 : 1));
  return names.flatMap((name): Entry[] => {
    const path = join(folder, name);
    const stats = lstatSync(join(dir, path));
    if (stats.isDirectory()) return folderEntries(path, readEntries(dir, path));
    if (stats.isSymbolicLink()) return [{ type: 'link', path, target: readlinkSync(join(dir, path)) }];
    return [
      {
        type: 'file',
        path,
        hash: digestOf(readFileSync(join(dir, path))).hash,
        mode: (stats.mode & 0o100) === 0 ? 0o644 : 0o755,
      },
    ];
  });
}

/** git keeps no empty folder: a checkout that has one must not differ from a clone of it. */
function folderEntries(path: string, inner: readonly Entry[]): Entry[] {
  return inner.length === 0 ? [] : [{ type: 'folder', path }, ...inner];
}

function printEntry(entry: Entry): string {
  switch (entry.type) {
    case 'folder':
      return 'folder';
    case 'link':
      return `-> ${entry.target}`;
    case 'file':
      return `${entry.mode === 0o755 ? 'program' : 'file'} ${entry.hash}`;
    default:
      return unreachable(entry);
  }
}

function copyEntry(entry: Entry, from: string, to: string): void {
  const path = join(to, entry.path);
  switch (entry.type) {
    case 'folder':
      mkdirSync(path);
      return chmodSync(path, 0o755);
    case 'link':
      return symlinkSync(entry.target, path);
    case 'file':
      copyFileSync(join(from, entry.path), path);
      return chmodSync(path, entry.mode);
  }
}
