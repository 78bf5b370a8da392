import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { parseAptSources } from './apt-sources.ts';

/** Addresses of whole mirrors, without a slash at the end, in the order they are tried. */
export interface Mirrors {
  /** `<mirror>/<name>/<sha512>/<name>`: copies of sources, kept by whoever builds. */
  readonly lookaside: readonly string[];
  /** Debian's archive: what stands above `pool/main/`. */
  readonly debian: readonly string[];
  /** Debian's security archive: what stands above `pool/updates/main/`. */
  readonly security: readonly string[];
  /** The archive of all past Debian packages. */
  readonly snapshot: string | undefined;
}

export const NO_MIRRORS: Mirrors = { lookaside: [], debian: [], security: [], snapshot: undefined };

/** For hosts that know no mirror themselves. Country mirrors carry no security archive: its packages come from the snapshots. */
const PUBLIC: Mirrors = {
  lookaside: [],
  debian: ['http://ftp.de.debian.org/debian', 'http://ftp.us.debian.org/debian'],
  security: [],
  snapshot: 'https://snapshot.debian.org',
};

/** What a user may say: mirrors of either archive, told apart as apt's entries are, by how their addresses end. */
export interface OwnMirrors {
  readonly lookaside?: readonly string[];
  readonly debian?: readonly string[];
}

/** The user's own mirrors first, then the host's, then public ones. */
export async function findMirrors(
  { lookaside = [], debian = [] }: OwnMirrors = {},
  aptDir = '/etc/apt',
): Promise<Mirrors> {
  const own = debian.map(withoutSlash);
  const security = own.filter((address) => address.endsWith('/debian-security'));
  const host = await readAptMirrors(aptDir);
  return {
    lookaside: merge(lookaside),
    debian: merge(
      own.filter((address) => !security.includes(address)),
      host.debian,
      PUBLIC.debian,
    ),
    security: merge(security, host.security, PUBLIC.security),
    snapshot: PUBLIC.snapshot,
  };
}

/** The mirrors the host's own apt uses. A host without apt, or whose files we may not read, has none. */
async function readAptMirrors(dir: string): Promise<Pick<Mirrors, 'debian' | 'security'>> {
  const parts = await readdir(join(dir, 'sources.list.d')).catch(() => []);
  const files = [
    'sources.list',
    ...parts.toSorted((a, b) => (a < b ? -1 : 1)).map((name) => join('sources.list.d', name)),
  ];
  const texts = await Promise.all(files.map(async (file) => await readFile(join(dir, file), 'utf8').catch(() => '')));
  const addresses = files.flatMap((file, index) => parseAptSources(file, texts[index] ?? ''));
  return {
    debian: addresses.filter((address) => address.endsWith('/debian')),
    security: addresses.filter((address) => address.endsWith('/debian-security')),
  };
}

function merge(...lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat().map(withoutSlash))];
}

function withoutSlash(address: string): string {
  return address.replace(/\/+$/, '');
}
