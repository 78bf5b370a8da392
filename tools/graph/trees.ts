import {
  chmodSync,
  lstatSync,
  lutimesSync,
  readdirSync,
  readlinkSync,
  renameSync,
  statSync,
  utimesSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import { digestOfFile } from './blobs.ts';
import { digestOf, type Digest, type Sha256 } from './digest.ts';
import { errorCode, guardWrite, removeTree } from './disk.ts';
import { EPOCH_SECONDS } from './epoch.ts';
import { Pacer } from './pacer.ts';
import type { Session } from './session.ts';

/** One line of a manifest: path, then what makes the entry what it is. Owners are not in it: all are the builder's. */
type ManifestLine =
  | readonly [path: string, type: 'dir', mode: number]
  | readonly [path: string, type: 'file', mode: number, hash: Sha256, size: number]
  | readonly [path: string, type: 'link', target: string];

/**
 * Directories by content: `trees/<hash>/`, unpacked, so that one can be a layer of a sandbox as it is. The hash is that of the sorted
 * manifest of what is in it.
 */
export class Trees {
  readonly #dir: string;
  readonly #session: Session;

  constructor(storeDir: string, session: Session) {
    this.#dir = join(storeDir, 'trees');
    this.#session = session;
  }

  path(hash: Sha256): string {
    return join(this.#dir, hash);
  }

  has(digest: Digest): boolean {
    return statSync(this.path(digest.hash), { throwIfNoEntry: false }) !== undefined;
  }

  /** Moves a finished directory of a work directory in. */
  async putTree(dir: string): Promise<Digest> {
    if (!dir.startsWith(`${this.#session.dir}/`))
      throw new TypeError(`Expected a tree in a work directory, got "${dir}"`);
    return await guardWrite(this.#dir, async () => {
      // The root's own mode is where the tree was made, not what is in it.
      chmodSync(dir, 0o755);
      const digest = await digestTree(dir, 'set-times');
      if (this.#keep(digest)) await removeTree(dir);
      else await this.#place(dir, digest);
      return digest;
    });
  }

  /** As for blobs: a new ctime tells gc that it is about to be needed. */
  #keep(digest: Digest): boolean {
    if (!this.has(digest)) return false;
    chmodSync(this.path(digest.hash), 0o755);
    return true;
  }

  async #place(dir: string, digest: Digest): Promise<void> {
    try {
      renameSync(dir, this.path(digest.hash));
    } catch (error) {
      // Another build was faster with the very same tree.
      if (!this.has(digest)) throw error;
      await removeTree(dir);
    }
  }
}

export async function digestTree(dir: string, times: 'set-times' | 'leave-times'): Promise<Digest> {
  const lines: string[] = [];
  for await (const line of walk(dir, times)) lines.push(JSON.stringify(line));
  return digestOf(`${lines.toSorted().join('\n')}\n`);
}

async function* walk(root: string, times: 'set-times' | 'leave-times'): AsyncGenerator<ManifestLine> {
  const pacer = new Pacer();
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const path = join(root, folder);
    for (const name of readdirSync(path)) {
      const entry = folder === '' ? name : `${folder}/${name}`;
      const line = await describe(root, entry);
      if (line[1] === 'dir') folders.push(entry);
      else if (times === 'set-times') lutimesSync(join(root, entry), EPOCH_SECONDS, EPOCH_SECONDS);
      yield line;
      if (pacer.due) await pacer.pause();
    }
    if (times === 'set-times') utimesSync(path, EPOCH_SECONDS, EPOCH_SECONDS);
  }
}

async function describe(root: string, entry: string): Promise<ManifestLine> {
  // A name that is not UTF-8 would come back as another name: better to stop here.
  if (entry.includes('\u{FFFD}')) throw unsupported(root, entry, 'a name in UTF-8');
  const path = join(root, entry);
  const stats = lstatSync(path);
  if (stats.isDirectory()) return [entry, 'dir', modeOf(stats)];
  if (stats.isSymbolicLink()) return [entry, 'link', readlinkSync(path)];
  if (!stats.isFile()) throw unsupported(root, entry, 'a file, directory or symbolic link');
  const { hash, size } = await readable(path, () => digestOfFile(path));
  return [entry, 'file', modeOf(stats), hash, size];
}

/** An ordinary user may own files that only the root of a sandbox could read: their mode is lifted for the reading. */
async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (errorCode(error) !== 'EACCES') throw error;
  }
  const mode = modeOf(lstatSync(path));
  chmodSync(path, mode | 0o400);
  try {
    return await read();
  } finally {
    chmodSync(path, mode);
  }
}

function modeOf(stats: Stats): number {
  return stats.mode & 0o7777;
}

function unsupported(root: string, entry: string, expected: string): BuildError {
  return new BuildError(
    'store/unsupported-entry',
    `Cannot store "${entry}" of the tree "${root}": expected ${expected}`,
  );
}
