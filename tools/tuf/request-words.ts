/** What bytes say that somebody asks to sign: read from them alone, never from what is told about them. */
import type { z } from 'zod';

import { BuildError } from '../errors.ts';
import { canonicalBytes } from './key.ts';
import { snapshotSchema, targetsSchema, timestampSchema } from './metadata.ts';
import type { Snapshot, Targets, Timestamp } from './metadata.ts';
import { tbsFile } from './signing-request.ts';
import type { SigningRequest } from './signing-request.ts';

export interface RequestWords {
  readonly version: number;
  readonly expires: string;
  /** Targets, or the files of metadata that a snapshot or a timestamp vouches for. */
  readonly holds: readonly { readonly name: string; readonly digest: string }[];
}

/** @throws BuildError tuf/changed-request where they are not the canonical form of that role */
export function readWords({ payload, role, 'role-version': version, dir }: SigningRequest): RequestWords {
  const words = parseRole(role, payload);
  const holds = words === undefined ? [] : holdsOf(words);
  // A name that moves the terminal could hide another.
  const legible = holds.every(({ name }) => /^\P{C}+$/u.test(name));
  if (legible && words?.version === version) return { version, expires: words.expires, holds };
  throw new BuildError(
    'tuf/changed-request',
    `Cannot sign "${dir}/${tbsFile(role)}": expected the canonical JSON of ${role} version ${version}`,
    { hint: 'Sign nothing else with a key of a repository' },
  );
}

function parseRole(role: SigningRequest['role'], payload: Uint8Array): Targets | Snapshot | Timestamp | undefined {
  const schemas = { targets: targetsSchema, snapshot: snapshotSchema, timestamp: timestampSchema };
  const schema: z.ZodType<Targets | Snapshot | Timestamp> = schemas[role];
  try {
    const said: unknown = JSON.parse(legal(new TextDecoder('utf-8', { fatal: true }).decode(payload)));
    // One text for one meaning: a key that stands twice, or white space, would be signed and not be shown.
    return Buffer.compare(canonicalBytes(said), payload) === 0 ? schema.parse(said) : undefined;
  } catch {
    return undefined;
  }
}

/** Canonical JSON is none that parsers take: it escapes no control character, and the PEM of a key has line ends. */
function legal(canonical: string): string {
  // oxlint-disable-next-line no-control-regex -- that is what they are
  return canonical.replaceAll(/[\u0000-\u001f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function holdsOf(words: Targets | Snapshot | Timestamp): RequestWords['holds'] {
  if (isTargets(words))
    return Object.entries(words.targets).map(([name, { hashes }]) => ({ name, digest: hashes.sha256 }));
  return Object.entries(words.meta).map(([name, { version, hashes }]) => ({
    name: `${name} version ${version}`,
    digest: hashes?.sha256 ?? '',
  }));
}

function isTargets(words: Targets | Snapshot | Timestamp): words is Targets {
  return 'targets' in words;
}
