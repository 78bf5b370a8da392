import type { Arch } from '../config/arch.ts';
import type { Task } from '../graph/task.ts';
import { kmodKitTask } from '../kit/kmod-kit.ts';
import { ociTask } from '../kit/oci.ts';
import type { Catalogue, Rpm } from '../rpm/resolve.ts';
import { readCatalogue } from './catalogue.ts';
import { PackageTasks } from './packages.ts';
import type { Workbench } from './workbench.ts';

/** A kernel's kit: the archive, and the same as a container image. */
export interface KitTasks {
  readonly kit: Task;
  readonly oci: Task;
}

/** What the images of one architecture have in common, each task of it made once. */
export class ArchTasks {
  readonly arch: Arch;
  readonly catalogue: Catalogue;
  readonly packages: PackageTasks;
  readonly #bench: Workbench;
  readonly #kits = new Map<string, KitTasks>();

  private constructor(bench: Workbench, arch: Arch, catalogue: Catalogue) {
    this.#bench = bench;
    this.arch = arch;
    this.catalogue = catalogue;
    this.packages = new PackageTasks(bench, { arch, catalogue });
  }

  static async read(bench: Workbench, arch: Arch): Promise<ArchTasks> {
    return new ArchTasks(bench, arch, await readCatalogue(bench, arch));
  }

  /** Of the kernel whose development tree is in the package `archive`. */
  kit(archive: Rpm): KitTasks {
    const known = this.#kits.get(archive.name);
    if (known !== undefined) return known;
    const { sandbox, kitTools: tools } = this.#bench;
    const bench = { sandbox, tools, arch: this.arch, kernel: archive.package };
    const kit = kmodKitTask({ ...bench, archive: this.packages.unpack(archive) });
    const tasks = { kit, oci: ociTask({ ...bench, kit }) };
    this.#kits.set(archive.name, tasks);
    return tasks;
  }
}
