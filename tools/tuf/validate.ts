/** Looks for whatever a host would stumble over: every finding says which role, which rule, what is there and what was expected. */
import { createHash } from 'node:crypto';

import semver from 'semver';

import { BuildError } from '../errors.ts';
import { readManifest } from './edition.ts';
import type { Places, OpenOptions } from './edition.ts';
import { assertFresh, loadRepository } from './load.ts';
import type { LoadedRepository } from './load.ts';
import type { Fleet, Update, UpdateManifest } from './manifest.ts';
import { updatesOf } from './manifest.ts';
import type { TargetFile } from './metadata.ts';
import { hopsOf, missingChains, parsePair } from './migrations.ts';
import { inParallel } from './parallel.ts';
import { newest, ROOT_MAX_BYTES } from './roots.ts';
import { targetFileName, targetNameComplaint } from './targets.ts';
import { parseWaves } from './waves.ts';

export interface ValidateOptions extends Omit<OpenOptions, 'expiry'> {
  readonly fleet: Fleet;
  /** `hashes` reads every byte of every target; `sizes` asks only whether it is there. */
  readonly depth: 'hashes' | 'sizes';
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

export interface Validation {
  readonly findings: readonly BuildError[];
  readonly repository: LoadedRepository | undefined;
  readonly targets: number;
  readonly bytes: number;
}

const PARALLEL = 4;

export async function validateRepository(places: Places, options: ValidateOptions): Promise<Validation> {
  const { trusted, now } = options;
  const findings: BuildError[] = [];
  const loaded = await collect(findings, () => loadRepository(places.metadata, { trusted, now, expiry: 'ignore' }));
  if (loaded === undefined) return { findings, repository: undefined, targets: 0, bytes: 0 };
  if (loaded === 'absent') {
    findings.push(
      new BuildError('tuf/no-repository', `Cannot find repository ${places.metadata.address}: there is nothing`),
    );
    return { findings, repository: undefined, targets: 0, bytes: 0 };
  }
  findings.push(...expiryFindings(loaded, now), ...(await rootFindings(places, loaded, options)));
  const targets = allTargets(loaded);
  const manifest = await collect(findings, () => readManifest(places.targets, loaded.targets.signed.targets));
  const compressed = manifest === undefined ? new Set<string>() : lz4Targets(manifest, options.fleet);
  if (manifest !== undefined)
    findings.push(...manifestFindings(manifest, options.fleet, new Set(targets.map(([name]) => name))));
  findings.push(...(await targetFindings(places, { targets, compressed }, options)));
  return {
    findings,
    repository: loaded,
    targets: targets.length,
    bytes: targets.reduce((sum, [, { length }]) => sum + length, 0),
  };
}

async function collect<T>(findings: BuildError[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    findings.push(error);
    return undefined;
  }
}

function allTargets({ targets, delegated }: LoadedRepository): readonly (readonly [name: string, file: TargetFile])[] {
  return [targets, ...delegated].flatMap(({ signed }) => Object.entries(signed.targets));
}

function expiryFindings(repository: LoadedRepository, now: Date): BuildError[] {
  const { roots, targets, delegated, snapshot, timestamp } = repository;
  const expired = [newest(roots), targets, ...delegated, snapshot, timestamp].flatMap((role) => {
    try {
      assertFresh(role, { expiry: 'enforce', now });
      return [];
    } catch (error) {
      return error instanceof BuildError ? [error] : [];
    }
  });
  const order = [timestamp, snapshot, targets, newest(roots)];
  const disorder = order.slice(1).flatMap((later, index) => {
    const sooner = order[index];
    if (sooner === undefined || Date.parse(sooner.signed.expires) <= Date.parse(later.signed.expires)) return [];
    const finding = `expected ${sooner.role} to expire no later than ${later.role} (${later.signed.expires}), got ${sooner.signed.expires}`;
    return [new BuildError('tuf/expiry-order', `Cannot keep repository fresh: ${finding}`)];
  });
  return [...expired, ...disorder];
}

/** Hosts that copy the chain ask for every root from 1 on; and a root that was signed here is of use only where they find it. */
async function rootFindings(
  { metadata }: Places,
  { roots }: LoadedRepository,
  { trusted }: ValidateOptions,
): Promise<BuildError[]> {
  const last = newest(roots).signed.version;
  const versions = Array.from({ length: last }, (_, index) => index + 1);
  const found = await inParallel(
    versions,
    PARALLEL,
    async (version) => await metadata.read(`${version}.root.json`, ROOT_MAX_BYTES),
  );
  const byVersion = new Map(roots.map((root) => [root.signed.version, root]));
  return versions.flatMap((version, index) => {
    const file = `${metadata.address}/${version}.root.json`;
    const bytes = found[index]?.bytes;
    if (bytes === undefined) {
      const isNew = version > (trusted[0].signed.version ?? 0) && byVersion.has(version);
      const hint = isNew
        ? 'Publish it: npx tsx Makefile.ts repo refresh, then repo publish'
        : 'Bring it back: hosts ask for each root from 1 on';
      return [new BuildError('tuf/missing-root', `Cannot find root "${file}"`, { hint })];
    }
    const known = byVersion.get(version);
    if (known === undefined || Buffer.compare(known.bytes, bytes) === 0) return [];
    return [new BuildError('tuf/other-root', `Cannot trust "${file}": it is another than the one in this checkout`)];
  });
}

function manifestFindings(manifest: UpdateManifest, fleet: Fleet, names: ReadonlySet<string>): BuildError[] {
  const updates = updatesOf(manifest, fleet);
  const versions = updates.map(({ version }) => version);
  const twice = [...new Set(versions.filter((version, index) => versions.indexOf(version) !== index))].map(
    (version) =>
      new BuildError(
        'tuf/same-version-twice',
        `Cannot choose among updates: ${fleet.variant} ${version} for ${fleet.arch} is there more than once`,
      ),
  );
  const none =
    updates.length === 0
      ? [
          new BuildError(
            'tuf/no-updates',
            `Cannot update any host: the repository has no update of ${fleet.variant} for ${fleet.arch}`,
          ),
        ]
      : [];
  return [
    ...none,
    ...twice,
    ...updates.flatMap((update) => updateFindings(update, names)),
    ...migrationFindings(manifest, versions, names),
  ];
}

function updateFindings(update: Update, names: ReadonlySet<string>): BuildError[] {
  const { version, max_version: max, images, waves } = update;
  const missing = [images.boot, images.root, images.hash].filter((name) => !names.has(name));
  const absent = missing.map(
    (name) =>
      new BuildError('tuf/missing-target', `Cannot install update ${version}: its image "${name}" is no target`),
  );
  const beyond = semver.gt(version, max)
    ? [
        new BuildError(
          'tuf/above-max',
          `Cannot offer update ${version}: its max_version is ${max}, so no host takes it`,
          { hint: 'Raise it (repo set-max-version), or take the update out (repo withdraw)' },
        ),
      ]
    : [];
  const dates = parseWaves(waves);
  const disorder = dates.flatMap(([seed, date], index) => {
    const before = dates[index - 1];
    if (before === undefined || date > before[1]) return [];
    const finding = `expected seed ${seed} to come after ${before[1].toISOString()}, when seed ${before[0]} does, got ${date.toISOString()}`;
    return [new BuildError('tuf/wave-order', `Cannot roll out update ${version}: ${finding}`)];
  });
  return [...absent, ...beyond, ...disorder];
}

function migrationFindings(
  { migrations }: UpdateManifest,
  versions: readonly string[],
  names: ReadonlySet<string>,
): BuildError[] {
  const unread = Object.keys(migrations)
    .filter((pair) => parsePair(pair) === undefined)
    .map(
      (pair) =>
        new BuildError(
          'tuf/bad-manifest',
          `Cannot read migrations ${JSON.stringify(pair)}: expected a pair such as "(1.0.0, 1.1.0)"`,
        ),
    );
  const absent = Object.entries(migrations).flatMap(([pair, list]) =>
    list
      .filter((name) => !names.has(name))
      .map((name) => new BuildError('tuf/missing-target', `Cannot migrate ${pair}: "${name}" is no target`)),
  );
  const broken = missingChains(hopsOf(migrations), versions).map(({ from, to, stuckAt }) => {
    const hint = `Say in Release.yaml what leads on, if only nothing: "(${stuckAt}, ${to})": []`;
    return new BuildError(
      'tuf/no-migrations',
      `Cannot migrate between ${from} and ${to}: nothing leads on from ${stuckAt}`,
      { hint },
    );
  });
  return [...unread, ...absent, ...broken];
}

/** What hosts unpack while they write it. */
function lz4Targets(manifest: UpdateManifest, fleet: Fleet): ReadonlySet<string> {
  const images = updatesOf(manifest, fleet).flatMap(({ images: { boot, root, hash } }) => [boot, root, hash]);
  return new Set([...images, ...Object.values(manifest.migrations).flat()]);
}

interface Checked {
  readonly targets: readonly (readonly [name: string, file: TargetFile])[];
  readonly compressed: ReadonlySet<string>;
}

async function targetFindings(
  places: Places,
  { targets, compressed }: Checked,
  options: ValidateOptions,
): Promise<BuildError[]> {
  const total = targets.reduce((sum, [, { length }]) => sum + length, 0);
  let done = 0;
  const count = (bytes: number): void => options.onProgress((done += bytes), total);
  const found = await inParallel(targets, PARALLEL, async ([name, file]) => {
    options.signal.throwIfAborted();
    const complaint = targetNameComplaint(name);
    if (complaint !== undefined) return complaint;
    const check = options.depth === 'sizes' ? checkSize : checkBytes;
    return await check(places, { name, file, isLz4: compressed.has(name) }, count);
  });
  return found.filter((finding) => finding !== undefined);
}

interface Suspect {
  readonly name: string;
  readonly file: TargetFile;
  readonly isLz4: boolean;
}

async function checkSize({ targets }: Places, { name, file }: Suspect): Promise<BuildError | undefined> {
  const found = await targets.stat(targetFileName(file.hashes.sha256, name));
  if (found === undefined) return absentTarget(name);
  if (found.size === file.length) return undefined;
  return new BuildError(
    'tuf/wrong-length',
    `Cannot trust target "${name}": expected ${file.length} bytes, got ${found.size}`,
  );
}

/** LZ4 frame format 1.6.3: magic number, little endian, then two bits of version. */
const LZ4_MAGIC = 0x184d2204;
const LZ4_HEADER_BYTES = 5;

/** Piece by piece: a target may be larger than memory. What is longer than it should be is read no further. */
async function checkBytes(
  places: Places,
  suspect: Suspect,
  count: (bytes: number) => void,
): Promise<BuildError | undefined> {
  const { name, file, isLz4 } = suspect;
  if ((await places.targets.stat(targetFileName(file.hashes.sha256, name))) === undefined) return absentTarget(name);
  const hash = createHash('sha256');
  let head = Buffer.alloc(0);
  let size = 0;
  for await (const chunk of await places.targets.stream(targetFileName(file.hashes.sha256, name))) {
    if (head.byteLength < LZ4_HEADER_BYTES) head = Buffer.concat([head, chunk.subarray(0, LZ4_HEADER_BYTES)]);
    size += chunk.byteLength;
    hash.update(chunk);
    count(chunk.byteLength);
    if (size > file.length) break;
  }
  if (size !== file.length)
    return new BuildError(
      'tuf/wrong-length',
      `Cannot trust target "${name}": expected ${file.length} bytes, got ${size > file.length ? 'more' : size}`,
    );
  const sha256 = hash.digest('hex');
  if (sha256 !== file.hashes.sha256)
    return new BuildError(
      'tuf/wrong-digest',
      `Cannot trust target "${name}": expected SHA-256 ${file.hashes.sha256}, got ${sha256}`,
    );
  if (!isLz4 || isLz4Frame(head)) return undefined;
  return new BuildError(
    'tuf/not-lz4',
    `Cannot install target "${name}": expected an LZ4 frame, and it does not begin like one`,
  );
}

function isLz4Frame(head: Buffer): boolean {
  return head.byteLength >= LZ4_HEADER_BYTES && head.readUInt32LE(0) === LZ4_MAGIC && head.readUInt8(4) >> 6 === 1;
}

function absentTarget(name: string): BuildError {
  return new BuildError(
    'tuf/half-repository',
    `Cannot find target "${name}": the repository names it, and it is not there`,
  );
}
