/** Repositories as `create`, `refresh` and edits leave them on this machine: `<variant>/<arch>/` beside `targets/`. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { BuildError, throwAll } from '../errors.ts';
import { DirectoryPlace } from './directory.ts';
import { loadRepository } from './load.ts';
import type { LoadedRepository } from './load.ts';
import { readRootDirectory } from './roots.ts';
import { readWaiting } from './waiting.ts';
import type { Waiting } from './waiting.ts';
import { BASE_FILE } from './write.ts';

/** @throws BuildErrors tuf/nothing-to-publish, tuf/unsigned */
export async function fleetsIn(dir: string): Promise<readonly string[]> {
  throwAll((await readWaiting(dir)).map(unsigned));
  const found = await readdir(dir, { recursive: true }).catch(() => []);
  const fleets = found
    .filter((path) => /^[^/]+\/[^/]+\/timestamp\.json$/.test(path))
    .map((path) => path.replace(/\/timestamp\.json$/, ''));
  if (fleets.length > 0) return fleets.toSorted();
  throw new BuildError('tuf/nothing-to-publish', `Cannot publish "${dir}": it has no <variant>/<arch>/timestamp.json`, {
    hint: 'Make a repository first: npx tsx Makefile.ts repo create --variant <name>',
  });
}

function unsigned({ role, half, fleet, out }: Waiting): BuildError {
  const finding = `${role} version ${half.signed.version} of ${fleet.variant} for ${fleet.arch} waits for signatures`;
  return new BuildError('tuf/unsigned', `Cannot publish "${out}": ${finding}`, {
    hint: 'Bring them: npx tsx Makefile.ts repo sign --from <folder>; repo waiting says whose are lacking',
  });
}

/** A repository that this machine made: its chain of roots begins with the oldest a host may have. */
export async function loadWritten(dir: string, now: Date): Promise<LoadedRepository> {
  const trusted = await readRootDirectory(dir);
  const loaded =
    trusted === undefined
      ? 'absent'
      : await loadRepository(new DirectoryPlace(dir), { trusted, expiry: 'enforce', now });
  if (loaded === 'absent')
    throw new BuildError('tuf/nothing-to-publish', `Cannot read repository "${dir}": it has no root and timestamp`);
  return { ...loaded, roots: trusted ?? loaded.roots };
}

const baseSchema = z.strictObject({ timestamp: z.string().nullable() });

/** SHA-256 of the timestamp that a repository was made to follow; null where it is the first. @throws BuildError tuf/nothing-to-publish */
export async function baseOf(dir: string): Promise<string | null> {
  try {
    return baseSchema.parse(JSON.parse(await readFile(join(dir, BASE_FILE), 'utf8'))).timestamp;
  } catch (cause) {
    throw new BuildError(
      'tuf/nothing-to-publish',
      `Cannot read "${join(dir, BASE_FILE)}", which says what this repository follows`,
      { cause },
    );
  }
}
