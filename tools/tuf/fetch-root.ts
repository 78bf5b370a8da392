import { createHash } from 'node:crypto';

import { BuildError } from '../errors.ts';
import { writeWhole } from './directory.ts';
import { openPlace } from './open-place.ts';
import { firstRoot, ROOT_MAX_BYTES, rootFile } from './roots.ts';
import type { SignedRoot } from './roots.ts';

/** The root that trust begins with, from where Infra.yaml says, if its digest is the one that stands there. @throws BuildError tuf/wrong-digest, tuf/absent */
export async function fetchFirstRoot({
  url,
  sha512,
  dir,
}: {
  url: string;
  sha512: string;
  dir: string;
}): Promise<SignedRoot> {
  const [, folder = '', file = ''] = /^(.*\/)([^/]+)$/.exec(url) ?? [];
  const found = await (await openPlace(folder)).read(file, ROOT_MAX_BYTES);
  if (found === undefined) throw new BuildError('tuf/absent', `Cannot read the root role ${url}: it is not there`);
  const got = createHash('sha512').update(found.bytes).digest('hex');
  if (got !== sha512)
    throw new BuildError(
      'tuf/wrong-digest',
      `Cannot trust the root role ${url}: expected SHA-512 ${sha512}, got ${got}`,
    );
  const root = firstRoot(found.bytes, url);
  await writeWhole(rootFile(dir, root.signed.version), found.bytes);
  return root;
}
