import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface Entry {
  readonly path: string;
  readonly name: string;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

export function listFolder(dir: string): Entry[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    // Another process may have removed it since.
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined ? [] : [{ path, name, mtimeMs: stats.mtimeMs, ctimeMs: stats.ctimeMs }];
  });
}

/** Of a directory whose entries are spread over folders by their first letters. */
export function listFolders(dir: string): Entry[] {
  return readdirSync(dir).flatMap((folder) => listFolder(join(dir, folder)));
}
