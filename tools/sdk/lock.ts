import { Document, isMap, visit } from 'yaml';
import { z } from 'zod';

import { HOSTS } from './host.ts';

const poolPath = z
  .string()
  .regex(
    /^pool\/(updates\/)?main\/[a-z0-9]+\/[a-z0-9+.-]+\/[A-Za-z0-9+._~-]+\.deb$/,
    'expected a path in a Debian pool',
  );

const lockedPackage = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1),
  arch: z.enum([...HOSTS, 'all']),
  path: poolPath,
  size: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits (SHA-256)'),
});

/** tools/sdk/<root>.<host>.lock.yaml: every package of a root, pinned. */
export const lockSchema = z.strictObject({
  /** What was asked for when this was solved, so that a lock older than its request is noticed. */
  suite: z.string(),
  asked: z.array(z.string()),
  date: z
    .string()
    .regex(/^\d{8}T\d{6}Z$/, 'expected a moment such as 20260131T120000Z')
    .describe('When the snapshots had all of it'),
  packages: z.array(lockedPackage).min(1),
});

export type Lock = z.output<typeof lockSchema>;
export type LockedPackage = Lock['packages'][number];

/** One line per package, sorted: a change of a version is a change of a line. */
export function printLock(lock: Lock): string {
  const packages = lock.packages.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const document = new Document({ ...lock, asked: lock.asked.toSorted(byCode), packages });
  document.commentBefore = ' Written by `sdk update`. Change the request beside it instead.';
  visit(document, { Map: (_, node, path) => void (node.flow = path.length > 1 && isMap(node)) });
  return document.toString({ lineWidth: 0 });
}

function byCode(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
