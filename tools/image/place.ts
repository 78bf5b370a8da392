/**
 * Finished artifacts, out of the store and under their names. Files are copies, for people may change them. SHA256SUMS is both for
 * `sha256sum -c` and for us: what it vouches for is not copied again.
 */
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { BuildError } from '../errors.ts';
import type { Inputs, Output } from '../graph/task.ts';
import type { Store } from '../graph/store.ts';
import { fileName, linkNames, variantDirectory, versionDirectory, type ImageName } from './names.ts';
import type { Artifact } from './tasks.ts';

export interface Product {
  readonly name: ImageName;
  readonly artifacts: readonly Artifact[];
}

export interface PlaceOptions {
  readonly store: Store;
  readonly result: Inputs;
  /** The checkout; artifacts go below build/images/ in it. */
  readonly dir: string;
}

export interface PlacedFile {
  readonly path: string;
  readonly output: Output;
}

export interface PlacedImage {
  readonly dir: string;
  readonly files: readonly PlacedFile[];
}

const SUMS = 'SHA256SUMS';

/** @throws BuildError image/cannot-place */
export async function placeArtifacts(product: Product, options: PlaceOptions): Promise<PlacedImage> {
  const { name, artifacts } = product;
  const variantDir = join(options.dir, 'build', 'images', variantDirectory(name));
  const dir = join(variantDir, versionDirectory(name));
  try {
    mkdirSync(dir, { recursive: true });
    const files = await placeFiles(dir, product, options);
    for (const { suffix } of artifacts) placeLinks(dir, name, suffix);
    link(versionDirectory(name), join(variantDir, 'latest'));
    return { dir, files };
  } catch (error) {
    throw new BuildError('image/cannot-place', `Cannot place the image in "${dir}"`, { cause: error });
  }
}

async function placeFiles(
  dir: string,
  { name, artifacts }: Product,
  { store, result }: PlaceOptions,
): Promise<PlacedFile[]> {
  const files = artifacts.map(({ suffix, task, output }) => ({
    path: join(dir, fileName(name, suffix)),
    output: result.output(task, output),
  }));
  const vouched = readSums(dir);
  const wanted = files.filter(({ path, output }) => !isUnchanged(path, output, vouched));
  const outdated = [...vouched.keys()].filter((file) => !files.some(({ path }) => basename(path) === file));
  if (wanted.length === 0 && outdated.length === 0) return files;
  // Nothing vouches for a directory that is half of one build and half of another.
  rmSync(join(dir, SUMS), { force: true });
  for (const file of outdated) remove(dir, file, name);
  for (const { path, output } of wanted) await store.copyFileTo(output, path);
  writeSums(dir, files);
  return files;
}

function isUnchanged(path: string, { digest }: Output, vouched: ReadonlyMap<string, string>): boolean {
  if (vouched.get(basename(path)) !== digest.hash) return false;
  const found = lstatSync(path, { throwIfNoEntry: false });
  const sums = lstatSync(join(path, '..', SUMS));
  return found !== undefined && found.size === digest.size && found.mtimeMs <= sums.mtimeMs;
}

/** File -> hash, of the build that was placed here before. */
export function readSums(dir: string): ReadonlyMap<string, string> {
  const path = join(dir, SUMS);
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return new Map();
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
}

function writeSums(dir: string, files: readonly PlacedFile[]): void {
  const lines = files.map(({ path, output }) => `${output.digest.hash}  ${basename(path)}\n`).toSorted();
  const aside = join(dir, `.${SUMS}`);
  writeFileSync(aside, lines.join(''));
  renameSync(aside, join(dir, SUMS));
}

/** What an earlier build of this name left and this one does not make, such as another format, with its links. */
function remove(dir: string, file: string, name: ImageName): void {
  const suffix = file.slice(fileName(name, '').length);
  for (const old of [file, ...linkNames(name, suffix)]) rmSync(join(dir, old), { force: true });
}

export function placeLinks(dir: string, name: ImageName, suffix: string): void {
  for (const alias of linkNames(name, suffix)) link(fileName(name, suffix), join(dir, alias));
}

/** Replaced by rename: whoever follows it meanwhile finds the old target or the new one. */
function link(target: string, path: string): void {
  const aside = `${path}.part`;
  rmSync(aside, { force: true });
  symlinkSync(target, aside);
  renameSync(aside, path);
}
