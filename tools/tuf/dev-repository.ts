import { chmod, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { writeWhole } from './directory.ts';
import { openFileKey } from './file-key.ts';
import { makeKey } from './make-key.ts';
import { initRoot } from './root-edit.ts';
import { signRole } from './role.ts';
import { readRootDirectory, rootFile } from './roots.ts';
import { identified } from './signer.ts';
import { authorityOf } from './trust.ts';

export interface DevRepository {
  readonly keyFile: string;
  readonly rootsDir: string;
}

const LIFE_DAYS = 364;
const DAY_MS = 86_400_000;

export function devRepository(configDir: string, name: string): DevRepository {
  const dir = join(configDir, 'repositories', name);
  return { keyFile: join(dir, 'dev-key.pem'), rootsDir: join(dir, 'roots') };
}

/**
 * A key for trying things out, and a root that trusts it for everything: outside of any checkout, readable by its owner alone.
 * Gives whether they were made now.
 */
export async function ensureDevRepository({ keyFile, rootsDir }: DevRepository, now: Date): Promise<'made' | 'there'> {
  if ((await readRootDirectory(rootsDir)) !== undefined) return 'there';
  await mkdir(rootsDir, { recursive: true });
  await chmod(join(rootsDir, '..'), 0o700);
  if ((await stat(keyFile).catch(() => undefined)) === undefined) await makeKey(keyFile, { type: 'ed25519' });
  const signer = identified(await openFileKey({ path: keyFile }, () => Promise.resolve(undefined)));
  const expires = new Date(now.getTime() + LIFE_DAYS * DAY_MS);
  const root = initRoot({
    expires,
    keys: { root: [signer.key], targets: [signer.key], snapshot: [signer.key], timestamp: [signer.key] },
  });
  const signed = await signRole({ role: 'root', signed: root }, [signer], authorityOf(root, 'root'));
  await writeWhole(rootFile(rootsDir, 1), signed.bytes);
  return 'made';
}
