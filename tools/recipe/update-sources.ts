import { readFileSync, renameSync, writeFileSync } from 'node:fs';

import { isMap, isScalar, isSeq, parseDocument } from 'yaml';

import { goBundleName } from '../config/package.ts';
import type { GoSource, Package } from '../config/package.ts';
import type { Located } from '../config/project.ts';
import { suggest } from '../config/yaml.ts';
import { BuildError } from '../errors.ts';
import { madeBundleTask, resolveBundle } from '../go/bundle.ts';
import { looseContext } from '../graph/run-context.ts';
import { isGo } from './sources.ts';
import { runPhase } from './workbench.ts';
import type { Workbench } from './workbench.ts';

export interface UpdatedSource {
  readonly package: string;
  readonly bundle: string;
  readonly bytes: number;
  readonly before: string;
  readonly sha512: string;
}

/** Resolves the Go programs of one package, or of all, and pins what they come to. Calls `tell` with each as it is done. */
export async function updateSources(
  bench: Workbench,
  name: string | undefined,
  tell: (updated: UpdatedSource) => void,
): Promise<void> {
  for (const pkg of choose(bench, name)) {
    for (const [index, source] of pkg.sources.entries()) {
      if (isGo(source)) tell(await update(bench, pkg, { source, index }));
    }
  }
}

function choose({ project }: Workbench, name: string | undefined): readonly Located<Package>[] {
  if (name === undefined) return [...project.packages.values()];
  const pkg = project.packages.get(name);
  if (pkg !== undefined) return [pkg];
  throw new BuildError('config/unknown-package', `Cannot find package "${name}" below packages/`, {
    hint: suggest(name, [...project.packages.keys()]) ?? `Write packages/${name}/${name}.spec`,
  });
}

interface Pin {
  readonly source: GoSource;
  readonly index: number;
}

async function update(bench: Workbench, pkg: Located<Package>, { source, index }: Pin): Promise<UpdatedSource> {
  const options = bench.sources.bundleOptions(source, pkg.locate(['sources', index]));
  const { tasks } = options.toolchain.client;
  const title = `Resolve ${goBundleName(source)}`;
  const inputs = await runPhase(bench, 'Prepare Go', tasks);
  bench.sink({ type: 'phase', title, tasks: 1 });
  await using work = bench.store.makeWorkDir();
  const log = (line: string): void => bench.sink({ type: 'task-line', id: `resolve/${goBundleName(source)}`, line });
  const context = looseContext(work.path, bench.limits, log);
  const { path, sha512 } = await resolveBundle(source, { ...options, inputs }, context).finally(() =>
    bench.sink({ type: 'phase-ended', title }),
  );
  const bundle = await bench.store.putFile(path);
  await runPhase(bench, 'Keep it', [madeBundleTask({ ...source, sha512 }, bundle)]);
  if (sha512 !== source.sha512) writePin(pkg.file, index, sha512);
  return { package: pkg.name, bundle: goBundleName(source), bytes: bundle.digest.size, before: source.sha512, sha512 };
}

/** Changes one digest of a package.yaml and not a byte beside it. */
function writePin(file: string, index: number, sha512: string): void {
  const text = readFileSync(file, 'utf8');
  const changed = pinned(text, index, sha512);
  const aside = `${file}.part`;
  writeFileSync(aside, changed);
  renameSync(aside, file);
}

/** The text of a package.yaml with another digest at `sources[index]`, or with one where there was none. */
export function pinned(text: string, index: number, sha512: string): string {
  const sources = parseDocument(text).get('sources');
  const source: unknown = isSeq(sources) ? sources.items[index] : undefined;
  if (!isMap(source)) throw new TypeError(`Expected a mapping at sources[${index}]`);
  const digest = source.get('sha512', true);
  if (isScalar(digest) && digest.range) return splice(text, digest.range, sha512);
  const [first] = source.items;
  const start = isScalar(first?.key) ? (first.key.range?.[0] ?? 0) : 0;
  const column = start - (text.lastIndexOf('\n', start - 1) + 1);
  const end = endOfLine(text, source.range?.[1] ?? text.length);
  return splice(text, [end, end], `\n${' '.repeat(column)}sha512: ${sha512}`);
}

function splice(text: string, [start, end]: readonly [number, number, ...unknown[]], inner: string): string {
  return text.slice(0, start) + inner + text.slice(end);
}

/** Of the last line that says something before `offset`: a block's range goes on to what follows it. */
function endOfLine(text: string, offset: number): number {
  const end = text.indexOf('\n', text.slice(0, offset).trimEnd().length);
  return end === -1 ? text.length : end;
}
