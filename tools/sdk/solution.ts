import { lockSchema } from './lock.ts';
import type { Lock, LockedPackage } from './lock.ts';
import type { Request } from './request.ts';

/**
 * Reads what `apt-get install --print-uris` says it would fetch, a line per package:
 * `'<address>' <name>_<version>_<arch>.deb <size> SHA256:<digest>`, with `%3a` for the `:` of an epoch.
 */
export function parseSolution(text: string): LockedPackage[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith("'"))
    .map(parseLine);
}

function parseLine(line: string): LockedPackage {
  const match = /^'[^']*\/(pool\/[^']+)' ([^ _]+)_([^ _]+)_([^ _]+)\.deb (\d+) SHA256:([0-9a-f]{64})$/.exec(line);
  if (match === null) throw new TypeError(`Expected a package with its SHA-256, got ${JSON.stringify(line)}`);
  const [, path = '', name, version = '', arch, size, sha256] = match;
  const fields = {
    name,
    version: decodeURIComponent(version),
    arch,
    path: decodeURIComponent(path),
    size: Number(size),
    sha256,
  };
  return lockSchema.shape.packages.element.parse(fields);
}

/**
 * The snapshots are made a few hours after the archive changes, and the archive keeps replaced files for longer than half a day:
 * so a snapshot of that age has every package of a lock made now.
 */
const SNAPSHOT_DELAY_MS = 12 * 3600 * 1000;

export function lockOf(request: Request, packages: readonly LockedPackage[], now: Date): Lock {
  const date = momentOf(new Date(now.getTime() + SNAPSHOT_DELAY_MS));
  return lockSchema.parse({ suite: request.suite, asked: request.packages, date, packages });
}

/** As the snapshots write it: `20260131T120000Z`. */
export function momentOf(date: Date): string {
  return date.toISOString().replaceAll(/[-:]|\.\d+/g, '');
}
