/** One bucket as S3 has it: how its objects are named, and what its refusals mean. */
import type * as S3 from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';

import type { BuildError } from '../errors.ts';
import { awsFailure } from '../keys/aws-access.ts';
import { FOREVER_SECONDS } from './place.ts';
import type { LocalFile } from './place.ts';

export interface Bucket {
  readonly sdk: typeof S3;
  readonly client: S3Client;
  readonly name: string;
  /** Before each path, without a slash at its end. */
  readonly prefix: string;
}

export interface Where {
  readonly Bucket: string;
  readonly Key: string;
}

/** Our own record of what a part-wise upload holds as a whole: S3's checksum of such is one of checksums. */
export const SHA256_KEY = 'sha256';

export function whereOf({ name, prefix }: Bucket, path: string): Where {
  return { Bucket: name, Key: [prefix, path].filter((part) => part !== '').join('/') };
}

export function shown({ name, prefix }: Bucket, path: string): string {
  return `s3://${[name, prefix, path].filter((part) => part !== '').join('/')}`;
}

/** Attributes of what never changes under its name. */
export function lasting({ sha256 }: LocalFile): { CacheControl: string; Metadata: Record<string, string> } {
  return { CacheControl: `max-age=${FOREVER_SECONDS}, immutable`, Metadata: { [SHA256_KEY]: sha256 } };
}

/** `what`: `read s3://...`. */
export function refused(what: string, cause: unknown): BuildError {
  return awsFailure('tuf/refused', `Cannot ${what}`, cause);
}
