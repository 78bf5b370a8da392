import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

const FORGOTTEN_MS = 7 * 24 * 3600 * 1000;

let counter = 0;
const mine = new Set<string>();

/**
 * Where a half-fetched file waits, so that a killed build goes on where it was. A part belongs to one process at a time and
 * says so in its name, `<id>.<pid>-<n>.part`: two builds that want the same file never write to the same part. One whose
 * owner is gone is adopted, by rename.
 */
export async function claimPart(dir: string, id: string): Promise<string> {
  counter += 1;
  const path = join(dir, `${id}.${process.pid}-${counter}.part`);
  mine.add(path);
  let adopted = false;
  for (const name of await readdir(dir)) {
    const other = join(dir, name);
    if (!adopted && isOrphan(other, id)) adopted = await adopt(other, path);
    else if (!mine.has(other)) await removeForgotten(other);
  }
  return path;
}

/** Lets the next one who wants the file go on from here. */
export function releasePart(path: string): void {
  mine.delete(path);
}

function isOrphan(path: string, id: string): boolean {
  const match = basename(path).startsWith(`${id}.`) ? /\.(\d+)-\d+\.part$/.exec(path) : null;
  if (match === null) return false;
  const pid = Number(match[1]);
  // Containers give every build the same small number: our own pid proves nothing unless we made the part.
  return pid === process.pid ? !mine.has(path) : !isRunning(pid);
}

async function adopt(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch {
    return false; // Someone else was quicker.
  }
}

/** Nobody came back for it: the source was changed, or the number of its process was given to another for good. */
async function removeForgotten(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined && Date.now() - found.mtimeMs > FORGOTTEN_MS) await rm(path, { force: true });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}
