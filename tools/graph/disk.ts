import { chmodSync, readdirSync, statfsSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';

const READ_ONLY = new Set(['EROFS', 'EACCES', 'EPERM']);
const FULL = new Set(['ENOSPC', 'EDQUOT']);

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Bytes an ordinary user can still write, or undefined when nobody can tell. */
export function freeBytes(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

export function storeFull(dir: string, cause?: unknown): BuildError {
  const free = freeBytes(dir);
  const finding = free === undefined ? 'no space is left' : `${free} bytes are free`;
  return new BuildError('store/full', `Cannot write to the store "${dir}": ${finding}`, {
    hint: 'Make room with: npx tsx Makefile.ts gc --keep-size 10GiB',
    cause,
  });
}

function notWritable(dir: string, cause: unknown): BuildError {
  return new BuildError('store/not-writable', `Cannot write to the store "${dir}"`, {
    hint: `Make it yours (chown -R "$USER" ${dir}), or name another: SLIPWAY_CACHE=<directory>`,
    cause,
  });
}

/** What a failed write to the store means to a person; other errors as they are. */
export function explainWriteError(dir: string, error: unknown): unknown {
  const code = errorCode(error) ?? '';
  if (FULL.has(code)) return storeFull(dir, error);
  if (READ_ONLY.has(code)) return notWritable(dir, error);
  return error;
}

export async function guardWrite<T>(dir: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw explainWriteError(dir, error);
  }
}

export function guardWriteSync<T>(dir: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw explainWriteError(dir, error);
  }
}

/** Removes a directory, those in it that forbid it included (module caches are read-only, for one). */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    unlockDirectories(path);
    await rm(path, { recursive: true, force: true });
  }
}

function unlockDirectories(path: string): void {
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) unlockDirectories(join(path, entry.name));
  }
}

const CHUNK = 1 << 20;
const BLOCK = 1 << 16;
const ZEROS = Buffer.alloc(BLOCK);

/** Copies a file's bytes; blocks of zeros become holes, so that a sparse image stays one. */
export async function copySparse(from: string, to: string): Promise<void> {
  await using source = await open(from, 'r');
  await using target = await open(to, 'wx');
  const chunk = Buffer.allocUnsafe(CHUNK);
  let position = 0;
  for (;;) {
    const { bytesRead } = await source.read(chunk, 0, CHUNK, position);
    if (bytesRead === 0) break;
    for (let start = 0; start < bytesRead; start += BLOCK) {
      const block = chunk.subarray(start, Math.min(start + BLOCK, bytesRead));
      if (block.equals(ZEROS.subarray(0, block.length))) continue;
      await target.write(block, 0, block.length, position + start);
    }
    position += bytesRead;
  }
  await target.truncate(position);
}

/** True when a rename from one to the other is possible. */
export async function sameFileSystem(path: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(path), stat(other)]);
  return a.dev === b.dev;
}
