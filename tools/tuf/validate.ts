/** Looks for whatever a host would stumble over: every finding says which role, which rule, what is there and what was expected. */
import { BuildError } from '../errors.ts';
import { readManifest } from './edition.ts';
import type { Places, OpenOptions } from './edition.ts';
import { loadRepository } from './load.ts';
import type { LoadedRepository } from './load.ts';
import type { Fleet, UpdateManifest } from './manifest.ts';
import { updatesOf } from './manifest.ts';
import type { TargetFile } from './metadata.ts';
import { inParallel } from './parallel.ts';
import { assertFresh } from './role-reader.ts';
import { completeChain, newest, ROOT_MAX_BYTES } from './roots.ts';
import { manifestFindings } from './validate-manifest.ts';
import { targetFindings, type TargetOptions } from './validate-targets.ts';

export interface ValidateOptions extends Omit<OpenOptions, 'expiry'>, TargetOptions {
  readonly fleet: Fleet;
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
  const broken: BuildError[] = [];
  if (!found.includes(undefined)) await collect(broken, () => completeChain(roots, metadata));
  const each = versions.flatMap((version, index) => {
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
  return [...broken, ...each];
}

/** What hosts unpack while they write it. */
function lz4Targets(manifest: UpdateManifest, fleet: Fleet): ReadonlySet<string> {
  const images = updatesOf(manifest, fleet).flatMap(({ images: { boot, root, hash } }) => [boot, root, hash]);
  return new Set([...images, ...Object.values(manifest.migrations).flat()]);
}
