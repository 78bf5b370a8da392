import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { AwsAccess } from '../config/infra-repo.ts';
import { BuildError } from '../errors.ts';
import { DirectoryPlace } from './directory.ts';
import type { Place, WritablePlace } from './place.ts';

/**
 * The place of an address: `file:<path>`, a bare path, `http(s)://...` or `s3://<bucket>/<prefix>`.
 * @throws BuildError tuf/unknown-place
 */
export async function openPlace(address: string, access: AwsAccess = {}): Promise<Place> {
  if (!/^https?:/.test(address)) return await openWritablePlace(address, access);
  if (!/^https?:\/\/[^/]/.test(address) || !URL.canParse(address)) throw unknownPlace('read', address);
  const { WebPlace } = await import('./web.ts');
  return new WebPlace(address);
}

/** @throws BuildError tuf/unknown-place for what can only be read */
export async function openWritablePlace(address: string, access: AwsAccess = {}): Promise<WritablePlace> {
  const path = localPath(address);
  if (path !== undefined) return new DirectoryPlace(path);
  if (address.startsWith('s3://')) {
    const { openBucket } = await import('./s3.ts');
    return await openBucket(address, access);
  }
  throw unknownPlace('publish to', address);
}

function unknownPlace(doing: string, address: string): BuildError {
  const forms = ['file:<directory>', 's3://<bucket>/<prefix>', ...(doing === 'read' ? ['https://<host>/<path>'] : [])];
  return new BuildError('tuf/unknown-place', `Cannot ${doing} "${address}": expected ${forms.join(' or ')}`);
}

/** Undefined for what is no directory of this machine. @throws BuildError tuf/unknown-place for a file of another host */
export function localPath(address: string): string | undefined {
  if (/^file:\/\/[^/]/.test(address))
    throw new BuildError(
      'tuf/unknown-place',
      `Cannot read "${address}": expected file:<directory>, and no host in it`,
      {
        hint: `For a directory of this machine: file:/${address.slice('file://'.length)}`,
      },
    );
  if (address.startsWith('file://')) return fileURLToPath(address);
  if (address.startsWith('file:')) return resolve(address.slice('file:'.length));
  return /^[a-z][a-z0-9+.-]*:/.test(address) ? undefined : resolve(address);
}

/** Joins without losing the scheme's slashes. */
export function joinAddress(base: string, ...parts: readonly string[]): string {
  return [base.replace(/\/+$/, ''), ...parts].join('/');
}
