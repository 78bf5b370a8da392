import { z } from 'zod';

import type { Address } from './download.ts';
import { Finding, printAddress } from './finding.ts';
import type { Mirrors } from './mirrors.ts';

/** Folder of a source package in a pool: `lib` packages are spread over four letters, all others over one. */
export function poolFolder(source: string): string {
  return `${source.startsWith('lib') ? source.slice(0, 4) : source.slice(0, 1)}/${source}`;
}

/** Every mirror's address of a path below `/debian` or `/debian-security`; whether it is in the one or the other shows in the path. */
export function poolAddresses(path: string, mirrors: Mirrors): string[] {
  const bases = path.startsWith('pool/updates/') ? mirrors.security : mirrors.debian;
  return bases.map((base) => `${base}/${encodePath(path)}`);
}

/** The same path as it was at a past moment, `20260131T120000Z`. */
export function snapshotAddresses(path: string, date: string, mirrors: Mirrors): string[] {
  if (mirrors.snapshot === undefined) return [];
  const archive = path.startsWith('pool/updates/') ? 'debian-security' : 'debian';
  return [`${mirrors.snapshot}/archive/${archive}/${date}/${encodePath(path)}`];
}

export interface DebianSource {
  readonly source: string;
  readonly version: string;
  readonly file: string;
}

/** A file of a source package: either archive may have it, and the snapshots find it by version whatever the date. */
export function sourceAddresses({ source, version, file }: DebianSource, mirrors: Mirrors): Address[] {
  const folder = `${poolFolder(source)}/${file}`;
  const paths = [`pool/main/${folder}`, `pool/updates/main/${folder}`];
  const pools = paths.flatMap((path) => poolAddresses(path, mirrors));
  const { snapshot } = mirrors;
  if (snapshot === undefined) return pools;
  return [...pools, async (signal) => await askSnapshots({ source, version, file }, snapshot, signal)];
}

/** The snapshots name files by SHA-1 and list those of a version, under each of which a source package's files are told apart by name. */
async function askSnapshots(
  { source, version, file }: DebianSource,
  snapshot: string,
  signal: AbortSignal,
): Promise<string> {
  const address = `${snapshot}/mr/package/${encodeURIComponent(source)}/${encodeURIComponent(version)}/srcfiles?fileinfo=1`;
  const listing = await readListing(address, signal);
  const hash = Object.entries(listing).find(([, places]) => places.some((place) => place.name === file))?.[0];
  if (hash === undefined) throw new Finding('absent', `${printAddress(address)} does not name "${file}"`);
  return `${snapshot}/file/${hash}`;
}

const listingSchema = z.object({ fileinfo: z.record(z.string(), z.array(z.object({ name: z.string() }))) });

async function readListing(address: string, signal: AbortSignal): Promise<z.output<typeof listingSchema>['fileinfo']> {
  try {
    const response = await fetch(address, { signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]) });
    if (!response.ok)
      throw new Finding(
        response.status === 404 ? 'absent' : 'refused',
        `${printAddress(address)} answered ${response.status}`,
      );
    return listingSchema.parse(await response.json()).fileinfo;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Finding) throw error;
    throw new Finding('unreachable', `${printAddress(address)} gave no list of files`, { cause: error });
  }
}

/** Segment by segment, so that `+` and `:` in versions survive servers that read `+` as a blank. */
function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
