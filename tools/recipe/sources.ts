import { sourceFileName } from '../config/package.ts';
import type { Package } from '../config/package.ts';
import type { Located } from '../config/project.ts';
import type { Task } from '../graph/task.ts';
import { fetchTask } from '../sources/fetch.ts';
import type { Supply } from '../sources/supply.ts';

/** The fetches of a checkout, each made once: architectures share them, and so do packages that pin the same file. */
export class Sources {
  readonly #supply: Supply;
  readonly #tasks = new Map<string, Task>();

  constructor(supply: Supply) {
    this.#supply = supply;
  }

  /** The fetches of a package: file name in the build -> task. */
  of(pkg: Located<Package>): ReadonlyMap<string, Task> {
    return new Map(
      pkg.sources.map((source, index): [string, Task] => {
        const file = sourceFileName(source);
        const id = `${source.sha512}/${file}`;
        const task = this.#tasks.get(id) ?? fetchTask(source, { ...this.#supply, at: pkg.locate(['sources', index]) });
        this.#tasks.set(id, task);
        return [file, task];
      }),
    );
  }
}
