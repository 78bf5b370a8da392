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
  throw new BuildError(
    'tuf/unknown-place',
    `Cannot publish to "${address}": expected file:<directory> or s3://<bucket>/<prefix>`,
  );
}

/** Undefined for what is no directory of this machine. */
export function localPath(address: string): string | undefined {
  if (address.startsWith('file://')) return fileURLToPath(address);
  if (address.startsWith('file:')) return resolve(address.slice('file:'.length));
  return /^[a-z][a-z0-9+.-]*:/.test(address) ? undefined : resolve(address);
}

/** Joins without losing the scheme's slashes. */
export function joinAddress(base: string, ...parts: readonly string[]): string {
  return [base.replace(/\/+$/, ''), ...parts].join('/');
}
