import { mkdir } from 'node:fs/promises';

import { BuildError } from '../errors.ts';
import type { Store } from '../graph/store.ts';
import { unpackDeb } from './deb.ts';
import type { FetchedPackage } from './packages.ts';

/** What bubblewrap, bash, dpkg-deb, tar and a few small tools need to run. base-files goes first: it makes the links /bin and /lib64. */
const FIRST = [
  'base-files',
  'bash',
  'bubblewrap',
  'coreutils',
  'dpkg',
  'libacl1',
  'libattr1',
  'libbz2-1.0',
  'libc6',
  'libcap2',
  'libgmp10',
  'liblzma5',
  'libmd0',
  'libpcre2-8-0',
  'libselinux1',
  'libssl3t64',
  'libtinfo6',
  'libzstd1',
  'tar',
  'zlib1g',
] as const;

/** A root just large enough to unpack the real one, made by Node alone. */
export async function unpackFirst(
  packages: readonly FetchedPackage[],
  { dir, store }: { dir: string; store: Store },
): Promise<void> {
  await mkdir(dir);
  const byName = new Map(packages.map((item) => [item.name, item]));
  for (const name of FIRST) {
    const item = byName.get(name);
    if (item === undefined)
      throw new BuildError('sdk/cannot-start', `Cannot unpack a tool root: expected package "${name}" in its lock`);
    await unpackDeb(store.pathOf(item.deb), dir);
  }
}
