import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';

import { extract } from 'tar';
import xz from 'xz-decompress';

import { BuildError } from '../errors.ts';
import { readMembers } from './ar.ts';
import type { Member } from './ar.ts';

/**
 * Unpacks a Debian package with nothing but Node: slow, and so only for the few that unpack all others.
 * @throws BuildError sdk/unsafe-package for a path that leaves `dir`
 */
export async function unpackDeb(deb: string, dir: string): Promise<void> {
  const data = (await readMembers(deb)).find((member) => member.name.startsWith('data.tar'));
  if (data === undefined)
    throw new BuildError('sdk/not-a-package', `Cannot read package "${deb}": expected a member named data.tar`);
  const stages = openData(deb, data);
  try {
    // strict: a path with "..", or through a link that leads out, ends it all instead of being passed over.
    const unpacker = extract({ cwd: dir, strict: true, preserveOwner: false, noMtime: true, filter: isWanted });
    await pipeline([...stages, unpacker]);
  } catch (cause) {
    throw new BuildError('sdk/unsafe-package', `Cannot unpack package "${deb}"`, { cause });
  }
}

/**
 * Programs and libraries, and the links at the top that lead to them; configuration and documentation are of no use to programs
 * that only unpack. A path that leads out is kept, to be refused.
 */
function isWanted(path: string): boolean {
  const [top = '', second, ...rest] = path.split('/').filter((part) => part !== '.' && part !== '');
  if (path.split('/').includes('..')) return true;
  return second === undefined || (top === 'usr' && second !== 'share' && !rest.includes('gconv'));
}

/** The bytes of a member, and what turns them into a tar archive. */
function openData(deb: string, { name, offset, size }: Member): [Readable, ...Duplex[]] {
  const range = { start: offset, end: offset + size - 1 };
  switch (name) {
    case 'data.tar':
      return [createReadStream(deb, range)];
    case 'data.tar.gz':
      return [createReadStream(deb, range), createGunzip()];
    case 'data.tar.zst':
      return [createReadStream(deb, range), createZstdDecompress()];
    case 'data.tar.xz':
      return [Readable.fromWeb(new xz.XzReadableStream(Readable.toWeb(createReadStream(deb, range))))];
    default:
      throw new BuildError(
        'sdk/not-a-package',
        `Cannot read package "${deb}": expected data.tar, .gz, .zst or .xz, got ${name}`,
      );
  }
}
