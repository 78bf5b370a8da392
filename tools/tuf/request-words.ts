/** What bytes say that somebody asks to sign: read from them alone, never from what is told about them. */
import { createHash } from 'node:crypto';

import type { z } from 'zod';

import { BuildError } from '../errors.ts';
import { canonicalBytes } from './key.ts';
import { MANIFEST_TARGET, parseManifest, updatesOf } from './manifest.ts';
import type { Update } from './manifest.ts';
import { snapshotSchema, targetsSchema, timestampSchema } from './metadata.ts';
import type { Snapshot, Targets, Timestamp } from './metadata.ts';
import { tbsFile } from './signing-request.ts';
import type { SigningRequest } from './signing-request.ts';

export interface RequestWords {
  readonly version: number;
  readonly expires: string;
  /** Targets, or the files of metadata that a snapshot or a timestamp vouches for. */
  readonly holds: readonly { readonly name: string; readonly digest: string }[];
  /** Updates that the manifest offers to the fleet; undefined where it is not there to be looked at. */
  readonly offers: readonly Update[] | undefined;
}

/** @throws BuildError tuf/changed-request where they are not the canonical form of that role, or the manifest beside them is another */
export function readWords(request: SigningRequest): RequestWords {
  const { payload, role, 'role-version': version } = request;
  const words = parseRole(role, payload);
  const holds = words === undefined ? [] : holdsOf(words);
  // A name that moves the terminal could hide another.
  const legible = holds.every(({ name }) => /^\P{C}+$/u.test(name));
  if (legible && words?.version === version)
    return { version, expires: words.expires, holds, offers: offersOf(request, holds) };
  throw changed(request, tbsFile(role), `expected the canonical JSON of ${role} version ${version}`);
}

function offersOf(request: SigningRequest, holds: RequestWords['holds']): readonly Update[] | undefined {
  const { manifest, role } = request;
  if (manifest === undefined || role !== 'targets') return undefined;
  const expected = holds.find(({ name }) => name === MANIFEST_TARGET)?.digest;
  const sha256 = createHash('sha256').update(manifest).digest('hex');
  if (sha256 === expected) return updatesOf(parseManifest(manifest), request);
  throw changed(request, MANIFEST_TARGET, `expected SHA-256 ${expected ?? 'of no manifest at all'}, got ${sha256}`);
}

function changed({ dir }: SigningRequest, file: string, finding: string): BuildError {
  return new BuildError('tuf/changed-request', `Cannot sign what "${dir}/${file}" is part of: ${finding}`, {
    hint: 'Sign nothing else with a key of a repository',
  });
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
