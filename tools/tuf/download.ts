/** What a host or a person fetches from a repository: metadata by tuf-js, targets in a stream that goes on where it was. */
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import semver from 'semver';

import { BuildError } from '../errors.ts';
import { digestFile } from '../graph/digest.ts';
import { errorCode } from '../graph/disk.ts';
import { download } from '../sources/download.ts';
import { openClient } from './client.ts';
import type { ClientOptions } from './client.ts';
import { copyAndDigest } from './copy.ts';
import { DirectoryPlace } from './directory.ts';
import { findUpdate, MANIFEST_TARGET, parseManifest, updatesOf } from './manifest.ts';
import type { Fleet, Update, UpdateManifest } from './manifest.ts';
import { joinAddress } from './open-place.ts';
import { targetFileName, targetNameComplaint } from './targets.ts';

export interface DownloadRequest extends ClientOptions {
  readonly fleet: Fleet;
  /** The newest unless told. */
  readonly version: string | undefined;
  /** Names that an update may have beside its images: taken where they are there. */
  readonly alsoNamed: (update: Update) => readonly string[];
  /** `http(s)` address, or a directory. */
  readonly targets: { readonly address: string } | { readonly dir: string };
  readonly outDir: string;
  /** Half-fetched files wait here. */
  readonly partsDir: string;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

export interface DownloadedFile {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  /** It was here already, whole. */
  readonly fresh: boolean;
}

export interface Downloaded {
  readonly version: string;
  readonly files: readonly DownloadedFile[];
}

interface TargetInfo {
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
}

type FindTarget = (name: string) => Promise<TargetInfo | undefined>;

/** The images of a version, and what else bears its names: disks, kernel-module kit. @throws BuildError tuf/..., source/... */
export async function downloadUpdate(request: DownloadRequest): Promise<Downloaded> {
  const client = await openClient(request);
  const find: FindTarget = async (name) => {
    const info = await client.getTargetInfo(name);
    const sha256 = info?.hashes['sha256'];
    return info === undefined || sha256 === undefined ? undefined : { name, sha256, size: info.length };
  };
  await mkdir(request.outDir, { recursive: true });
  const update = chooseUpdate(await fetchManifest(find, request), request);
  const infos = await findAll(update, find, request);
  const total = infos.reduce((sum, { size }) => sum + size, 0);
  const files: DownloadedFile[] = [];
  let before = 0;
  for (const info of infos) {
    request.signal.throwIfAborted();
    const base = before;
    files.push(await bring(info, request, (done) => request.onProgress(base + done, total)));
    before += info.size;
  }
  return { version: update.version, files };
}

async function fetchManifest(find: FindTarget, request: DownloadRequest): Promise<UpdateManifest> {
  const { path } = await bring(await wanted(MANIFEST_TARGET, find), request, () => {});
  return parseManifest(await readFile(path));
}

function chooseUpdate(manifest: UpdateManifest, { fleet, version }: DownloadRequest): Update {
  if (version !== undefined) return findUpdate(manifest, fleet, version);
  const [newest] = updatesOf(manifest, fleet).toSorted((a, b) => semver.rcompare(a.version, b.version));
  if (newest !== undefined) return newest;
  throw new BuildError(
    'tuf/no-updates',
    `Cannot download: the repository has no update of ${fleet.variant} for ${fleet.arch}`,
  );
}

async function findAll(
  update: Update,
  find: FindTarget,
  { alsoNamed }: DownloadRequest,
): Promise<readonly TargetInfo[]> {
  const { boot, root, hash } = update.images;
  const images = await Promise.all([boot, root, hash].map((name) => wanted(name, find)));
  const others = await Promise.all(alsoNamed(update).map(find));
  return [...images, ...others.filter((info) => info !== undefined)];
}

async function wanted(name: string, find: FindTarget): Promise<TargetInfo> {
  const info = await find(name);
  if (info !== undefined) return info;
  throw new BuildError('tuf/missing-target', `Cannot download target "${name}": the repository has none of that name`);
}

async function bring(
  { name, sha256, size }: TargetInfo,
  request: DownloadRequest,
  onProgress: (done: number) => void,
): Promise<DownloadedFile> {
  // The name comes from the repository, and becomes that of a file here.
  const complaint = targetNameComplaint(name);
  if (complaint !== undefined) throw complaint;
  const path = join(request.outDir, name);
  if (await isWhole(path, { sha256, size })) return { name, path, size, fresh: true };
  const { targets, partsDir, signal } = request;
  const file = targetFileName(sha256, name);
  if ('dir' in targets) {
    await new DirectoryPlace(request.outDir).writeFile(name, { path: join(targets.dir, file), sha256, size }, () => {});
    return { name, path, size, fresh: false };
  }
  const asked = {
    name,
    algorithm: 'sha256',
    digest: sha256,
    size,
    addresses: [joinAddress(targets.address, file)],
  } as const;
  await moveInto(await download(asked, { partsDir, signal, onProgress }), path);
  return { name, path, size, fresh: false };
}

/** Whole or not at all, though the two may be on different file systems. */
async function moveInto(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (errorCode(error) !== 'EXDEV') throw error;
    await copyAndDigest(from, `${to}.part`);
    await rename(`${to}.part`, to);
    await rm(from);
  }
}

async function isWhole(path: string, { sha256, size }: Omit<TargetInfo, 'name'>): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.size === size && (await digestFile(path)).hash === sha256;
}
