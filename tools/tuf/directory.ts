import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { BuildError } from '../errors.ts';
import { digestFile, digestOf } from '../graph/digest.ts';
import { errorCode } from '../graph/disk.ts';
import { copyAndDigest, pieces } from './copy.ts';
import { takeLock } from './lock.ts';
import { interleaved, tooLong } from './place.ts';
import type { Found, LocalFile, Stat, WritablePlace, WriteOptions } from './place.ts';

/** A repository in a directory of this machine. A file's ETag is its SHA-256. */
export class DirectoryPlace implements WritablePlace {
  readonly address: string;
  readonly #dir: string;

  constructor(dir: string) {
    this.address = dir;
    this.#dir = dir;
  }

  async read(path: string, maxBytes: number): Promise<Found | undefined> {
    const file = join(this.#dir, path);
    const found = await this.stat(path);
    if (found === undefined) return undefined;
    if (found.size > maxBytes) throw tooLong(file, maxBytes);
    const bytes = await readFile(file).catch((cause: unknown) => Promise.reject(unreadable(file, cause)));
    return { bytes, etag: digestOf(bytes).hash };
  }

  async stream(path: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const file = join(this.#dir, path);
    return (await this.stat(path)) === undefined ? undefined : pieces(file);
  }

  async stat(path: string): Promise<Stat | undefined> {
    const file = join(this.#dir, path);
    try {
      const found = await stat(file);
      return found.isFile() ? { size: found.size } : undefined;
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
      throw unreadable(file, error);
    }
  }

  async list(folder: string): Promise<readonly string[]> {
    try {
      return (await readdir(join(this.#dir, folder))).toSorted();
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw unreadable(join(this.#dir, folder), error);
    }
  }

  /** Two writers at once: a link can be made only once, so the lock is a file beside the one that is written. */
  async writeBytes(path: string, bytes: Uint8Array, { onlyOver }: WriteOptions): Promise<void> {
    const file = join(this.#dir, path);
    const aside = await writeAside(file, bytes);
    try {
      if (onlyOver === undefined) await rename(aside, file);
      else await this.#replace(path, aside, onlyOver);
    } finally {
      await rm(aside, { force: true });
      await syncDirectory(dirname(file));
    }
  }

  async writeFile(
    path: string,
    { path: from, sha256, size }: LocalFile,
    onProgress: (bytes: number) => void,
  ): Promise<void> {
    const file = join(this.#dir, path);
    await mkdir(dirname(file), { recursive: true });
    const aside = `${file}.${process.pid}.part`;
    try {
      const digest = await copyAndDigest(from, aside, onProgress);
      if (digest.hash !== sha256 || digest.size !== size) throw changed(from, sha256);
      await rename(aside, file);
      await syncDirectory(dirname(file));
    } finally {
      await rm(aside, { force: true });
    }
  }

  /** Not as a link: whoever keeps this directory may copy it to where there are none. */
  writeCopy({ path }: { path: string }, file: LocalFile, onProgress: (bytes: number) => void): Promise<void> {
    return this.writeFile(path, file, onProgress);
  }

  async #replace(path: string, aside: string, onlyOver: NonNullable<WriteOptions['onlyOver']>): Promise<void> {
    const file = join(this.#dir, path);
    await using lock = await takeLock(aside, join(dirname(file), '.publishing'));
    const found = await this.stat(path);
    const etag = found === undefined ? undefined : (await digestFile(file)).hash;
    if (etag !== (onlyOver === 'absent' ? undefined : onlyOver.etag)) throw interleaved(file);
    // Whoever was stopped for so long that another took it for dead writes no more.
    if (!(await lock.isHeld())) throw interleaved(file);
    await rename(aside, file);
  }
}

/** Over what was there, whole or not at all. */
export async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const aside = await writeAside(file, bytes);
  await rename(aside, file);
  await syncDirectory(dirname(file));
}

async function writeAside(file: string, bytes: Uint8Array): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  const aside = `${file}.${process.pid}.part`;
  await using handle = await open(aside, 'w', 0o644);
  await handle.writeFile(bytes);
  await handle.sync();
  return aside;
}

/** A rename is on disk when its directory is. */
export async function syncDirectory(dir: string): Promise<void> {
  await using handle = await open(dir);
  await handle.sync();
}

export function changed(path: string, sha256: string): BuildError {
  return new BuildError('tuf/changed-file', `Cannot take "${path}": expected SHA-256 ${sha256}, but it has changed`, {
    hint: 'Build it again, then make the repository again',
  });
}

function unreadable(path: string, cause: unknown): BuildError {
  return new BuildError('tuf/refused', `Cannot read "${path}"`, { cause });
}
