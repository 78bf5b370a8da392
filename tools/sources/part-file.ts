import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';

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
  for (const name of await readdir(dir)) {
    if (isOrphan(dir, name, id) && (await adopt(join(dir, name), path))) break;
  }
  return path;
}

/** Lets the next one who wants the file go on from here. */
export function releasePart(path: string): void {
  mine.delete(path);
}

function isOrphan(dir: string, name: string, id: string): boolean {
  const match = name.startsWith(`${id}.`) ? /\.(\d+)-\d+\.part$/.exec(name) : null;
  if (match === null) return false;
  const pid = Number(match[1]);
  // Containers give every build the same small number: our own pid proves nothing unless we made the part.
  return pid === process.pid ? !mine.has(join(dir, name)) : !isRunning(pid);
}

async function adopt(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch {
    return false; // Someone else was quicker.
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}
