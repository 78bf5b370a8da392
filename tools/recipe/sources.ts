import { sourceFileName } from '../config/package.ts';
import type { GoSource, Package, SourceManifest } from '../config/package.ts';
import type { Located } from '../config/project.ts';
import { BuildError } from '../errors.ts';
import type { Location } from '../errors.ts';
import { bundleTask } from '../go/bundle.ts';
import type { BundleOptions } from '../go/bundle.ts';
import type { GoWorkshop } from '../go/pinned.ts';
import { Toolchains } from '../go/toolchain.ts';
import type { Task } from '../graph/task.ts';
import { stack } from '../sdk/tool-root.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';
import { fetchTask } from '../sources/fetch.ts';

/** Enough to tell files of one name apart. */
const SHORT_DIGEST = 8;

/** The fetches of a checkout, each made once: architectures share them, and so do packages that pin the same file. */
export class Sources {
  readonly workshop: GoWorkshop;
  readonly toolchains: Toolchains;
  readonly #tasks = new Map<string, Task>();
  readonly #ambiguous: ReadonlySet<string>;

  constructor(workshop: GoWorkshop, packages: Iterable<Package>) {
    this.workshop = workshop;
    this.#ambiguous = ambiguousNames(packages);
    this.toolchains = new Toolchains(workshop);
  }

  /** The fetches of a package: file name in the build -> task. */
  of(pkg: Located<Package>): ReadonlyMap<string, Task> {
    return new Map(
      pkg.sources.map((source, index): [string, Task] => {
        const file = sourceFileName(source);
        const id = `${source.sha512}/${file}`;
        const task = this.#tasks.get(id) ?? this.#fetch(source, pkg.locate(['sources', index]));
        this.#tasks.set(id, task);
        return [file, task];
      }),
    );
  }

  /** What a package is built in: the SDK, and over it the Go that compiles its Go programs. */
  toolsFor(pkg: Located<Package>, sdk: ToolRoot): ToolRoot {
    const programs = pkg.sources.filter(isGo);
    const [program] = programs;
    if (program === undefined) return sdk;
    const at = pkg.locate(['sources', pkg.sources.indexOf(program), 'go', 'toolchain']);
    const others = programs.filter(({ go }) => go.toolchain !== program.go.toolchain);
    if (others.length === 0) return stack(sdk, this.toolchains.of(program.go.toolchain, at).tools);
    const versions = programs.map(({ go }) => go.toolchain).join(' and ');
    throw new BuildError('config/two-toolchains', `Cannot build package "${pkg.name}": it names Go ${versions}`, {
      at,
      hint: 'Name one toolchain for all its programs, or make two packages',
    });
  }

  /** What making a bundle of a Go program takes. */
  bundleOptions(source: GoSource, at: Location): BundleOptions {
    return { workshop: this.workshop, toolchain: this.toolchains.of(source.go.toolchain, at), at };
  }

  #fetch(source: SourceManifest, at: Location): Task {
    const task = isGo(source)
      ? bundleTask(source, this.bundleOptions(source, at))
      : fetchTask(source, { ...this.workshop, at });
    if (!this.#ambiguous.has(sourceFileName(source))) return task;
    return { ...task, id: `${task.id}:${source.sha512.slice(0, SHORT_DIGEST)}` };
  }
}

/** Files of one name that are not the same: archives of a version alone (`v1.0.tar.gz`), or bundles of two programs of one module. */
function ambiguousNames(packages: Iterable<Package>): ReadonlySet<string> {
  const digests = Map.groupBy(
    [...packages].flatMap(({ sources }) => sources),
    sourceFileName,
  );
  const several = [...digests].filter(([, same]) => new Set(same.map(({ sha512 }) => sha512)).size > 1);
  return new Set(several.map(([file]) => file));
}

export function isGo(source: SourceManifest): source is GoSource {
  return 'go' in source;
}
