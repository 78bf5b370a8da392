import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { digestOfFile } from './blobs.ts';
import { removeTree } from './disk.ts';
import { listFolder, listFolders } from './listing.ts';
import type { Session } from './session.ts';
import { digestTree } from './trees.ts';

/** By then the kernel has written what it was given (it does so after 30 seconds), with room to spare. */
const UNWRITTEN_MS = 120_000;

/**
 * Nothing is synced to disk when it is stored: that would cost a build minutes, to be safe from a power cut. Instead, the first to open
 * the store after a reboot checks what was stored in the last two minutes before it, and removes what is not what its name says.
 */
export async function checkAfterReboot(storeDir: string, session: Session): Promise<void> {
  const marker = join(storeDir, 'boot');
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
  const before = readMarker(marker);
  if (before === boot) return;
  if (before !== undefined) await removeTorn(storeDir);
  try {
    const aside = session.nextPath();
    writeFileSync(aside, boot);
    renameSync(aside, marker);
  } catch {
    // A read-only store: whoever can write to it will check it again.
  }
}

async function removeTorn(storeDir: string): Promise<void> {
  const blobs = listFolders(join(storeDir, 'cas'));
  const trees = listFolder(join(storeDir, 'trees'));
  const results = listFolders(join(storeDir, 'results'));
  const newest = [...blobs, ...trees, ...results].reduce((most, entry) => Math.max(most, entry.ctimeMs), 0);
  for (const { path, name, ctimeMs } of blobs) {
    if (ctimeMs > newest - UNWRITTEN_MS && (await digestOfFile(path)).hash !== name) await removeTree(path);
  }
  for (const { path, name, ctimeMs } of trees) {
    if (ctimeMs > newest - UNWRITTEN_MS && (await digestTree(path, 'leave-times')).hash !== name)
      await removeTree(path);
  }
}

function readMarker(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
