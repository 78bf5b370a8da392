import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import { errorCode } from '../graph/disk.ts';
import { parseRoot } from './metadata.ts';
import type { Root } from './metadata.ts';
import type { Place } from './place.ts';
import { SignedRole } from './role.ts';
import { authorityOf } from './trust.ts';

export type SignedRoot = SignedRole<Root>;

/** Roots, each signed by the one before it: version n, n + 1, ... */
export type RootChain = readonly [SignedRoot, ...SignedRoot[]];

export const ROOT_MAX_BYTES = 1 << 20;
/** As tough: nobody rotates that often. */
const MAX_ROTATIONS = 1024;

export function newest(chain: RootChain): SignedRoot {
  return chain.at(-1) ?? chain[0];
}

/** The root that trust begins with: someone else vouches for it. It has to be signed by its own keys. */
export function firstRoot(bytes: Uint8Array, file: string): SignedRoot {
  const envelope = parseRoot(bytes, { file });
  return SignedRole.fromBytes('root', { envelope, bytes }, [authorityOf(envelope.signed, 'root')]);
}

/** TUF 5.3.4 and 5.3.5: signed by the keys of the root before it and by its own, and its version is the next. @throws BuildError tuf/... */
export function nextRoot(previous: SignedRoot, bytes: Uint8Array, file: string): SignedRoot {
  const envelope = parseRoot(bytes, { file });
  const wanted = previous.signed.version + 1;
  const { version } = envelope.signed;
  if (version !== wanted)
    throw new BuildError(
      'tuf/wrong-version',
      `Cannot trust "${file}": expected root version ${wanted}, got ${version}`,
    );
  const authorities = [authorityOf(previous.signed, 'root'), authorityOf(envelope.signed, 'root')];
  return SignedRole.fromBytes('root', { envelope, bytes }, authorities);
}

/**
 * The roots of a directory, `<n>.root.json`; undefined when it has none.
 * @throws BuildError tuf/missing-root, tuf/below-threshold ...
 */
export async function readRootDirectory(dir: string): Promise<RootChain | undefined> {
  const versions = await versionsIn(dir);
  const [first, ...others] = versions;
  if (first === undefined) return undefined;
  const chain: [SignedRoot, ...SignedRoot[]] = [firstRoot(await readFile(rootFile(dir, first)), rootFile(dir, first))];
  for (const version of others) {
    const previous = newest(chain);
    if (version !== previous.signed.version + 1) throw missing(dir, previous.signed.version + 1);
    chain.push(nextRoot(previous, await readFile(rootFile(dir, version)), rootFile(dir, version)));
  }
  return chain;
}

export function rootFile(dir: string, version: number): string {
  return join(dir, `${version}.root.json`);
}

async function versionsIn(dir: string): Promise<number[]> {
  try {
    const names = await readdir(dir);
    return names
      .map((name) => Number(/^(\d+)\.root\.json$/.exec(name)?.[1]))
      .filter((version) => version > 0)
      .toSorted((a, b) => a - b);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw new BuildError('tuf/refused', `Cannot read "${dir}"`, { cause: error });
  }
}

/** TUF 5.3: goes on from what is trusted to the newest root of a place. */
export async function followRoots(trusted: RootChain, place: Place): Promise<RootChain> {
  const chain: [SignedRoot, ...SignedRoot[]] = [...trusted];
  for (let steps = 0; steps < MAX_ROTATIONS; steps += 1) {
    const previous = newest(chain);
    const file = `${previous.signed.version + 1}.root.json`;
    const bytes = await readNext(place, file);
    if (bytes === undefined) return chain;
    chain.push(nextRoot(previous, bytes, `${place.address}/${file}`));
  }
  return chain;
}

/** The roots before the first trusted one: hosts that keep a copy of the chain ask for each from 1 on. @throws BuildError tuf/missing-root */
export async function completeChain(chain: RootChain, place: Place): Promise<RootChain> {
  const [first] = chain;
  let earlier: RootChain | undefined;
  for (let version = 1; version < first.signed.version; version += 1) {
    const found = await place.read(`${version}.root.json`, ROOT_MAX_BYTES);
    if (found === undefined) throw missing(place.address, version);
    const file = `${place.address}/${version}.root.json`;
    earlier =
      earlier === undefined
        ? [firstRoot(found.bytes, file)]
        : [...earlier, nextRoot(newest(earlier), found.bytes, file)];
  }
  if (earlier === undefined) return chain;
  nextRoot(newest(earlier), first.bytes, `${first.signed.version}.root.json`);
  return [...earlier, ...chain];
}

/** Object stores answer 403 for what is not there to those who may not list: for the next root that has to mean "none". */
async function readNext(place: Place, file: string): Promise<Uint8Array | undefined> {
  try {
    return (await place.read(file, ROOT_MAX_BYTES))?.bytes;
  } catch (error) {
    if (error instanceof BuildError && error.code === 'tuf/refused') return undefined;
    throw error;
  }
}

function missing(where: string, version: number): BuildError {
  return new BuildError('tuf/missing-root', `Cannot follow the roots in "${where}": expected ${version}.root.json`, {
    hint: 'Bring it back: hosts walk from the root they were built with to the newest, one by one',
  });
}
