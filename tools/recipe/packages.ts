import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Arch } from '../config/arch.ts';
import type { Package } from '../config/package.ts';
import type { Located } from '../config/project.ts';
import type { Output, Task } from '../graph/task.ts';
import { buildTask, unpackTask } from '../rpm/build.ts';
import type { Catalogue, Rpm } from '../rpm/resolve.ts';
import { rpmFileName } from '../rpm/spec.ts';
import type { Workbench } from './workbench.ts';

/** What every spec's own name begins with (%osname): manifests leave it out. */
export const PACKAGE_PREFIX = 'slipway-';

/** The build and unpack tasks of one architecture's packages, each made once. */
export class PackageTasks {
  readonly #bench: Workbench;
  readonly #arch: Arch;
  readonly #catalogue: Catalogue;
  readonly #builds = new Map<string, Task>();
  readonly #unpacks = new Map<string, Task>();

  /** The catalogue must have been checked for cycles (buildOrder) for every package asked for. */
  constructor(bench: Workbench, { arch, catalogue }: { arch: Arch; catalogue: Catalogue }) {
    this.#bench = bench;
    this.#arch = arch;
    this.#catalogue = catalogue;
  }

  /** The build of packages/<name>, after all it is built with. */
  build(name: string): Task {
    const known = this.#builds.get(name);
    if (known !== undefined) return known;
    const pkg = this.#package(name);
    const facts = this.#catalogue.facts(name);
    const { sandbox, sdk, sources } = this.#bench;
    const task = buildTask({
      sandbox,
      sdk: sources.toolsFor(pkg, sdk),
      arch: this.#arch,
      package: pkg,
      facts,
      localFiles: localFiles(this.#bench, pkg),
      sources: this.sources(name),
      dependencies: this.#catalogue
        .closure(facts.buildRequires, { asker: `packages/${name}`, errors: [] })
        .map((rpm) => this.unpack(rpm)),
    });
    this.#builds.set(name, task);
    return task;
  }

  unpack(rpm: Rpm): Task {
    const file = rpmFileName(rpm);
    const known = this.#unpacks.get(file);
    if (known !== undefined) return known;
    const { sandbox, sdk } = this.#bench;
    const task = unpackTask({ sandbox, sdk, arch: this.#arch, name: rpm.name, file, build: this.build(rpm.package) });
    this.#unpacks.set(file, task);
    return task;
  }

  /** RPM file -> the task that makes it. */
  rpms(rpms: readonly Rpm[]): ReadonlyMap<string, Task> {
    return new Map(rpms.map((rpm) => [rpmFileName(rpm), this.build(rpm.package)]));
  }

  /** The fetches of a package: file name -> task. */
  sources(name: string): ReadonlyMap<string, Task> {
    return this.#bench.sources.of(this.#package(name));
  }

  #package(name: string): Located<Package> {
    const pkg = this.#bench.project.packages.get(name);
    if (pkg === undefined) throw new TypeError(`Expected package "${name}" of the catalogue in the project`);
    return pkg;
  }
}

/** All files beside package.yaml, put into the store: patches, units, configuration, the spec itself. */
export function localFiles({ store }: Pick<Workbench, 'store'>, pkg: Package): Readonly<Record<string, Output>> {
  const names = readdirSync(pkg.path, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'package.yaml' && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .toSorted();
  return Object.fromEntries(names.map((name) => [name, store.putBytes(readFileSync(join(pkg.path, name)))]));
}
