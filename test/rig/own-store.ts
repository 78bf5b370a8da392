import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { Store } from '../../tools/graph/store.ts';
import type { ToolRootName } from '../../tools/sdk/definition.ts';
import { CHECKOUT, SHARED_STORE } from './rig.ts';

/** A store that has the tool root of builds, others that are named, and nothing else: its files are links into the shared store, made in a second. */
export class OwnStore implements Disposable {
  readonly dir = mkdtempSync(join(dirname(SHARED_STORE), 'slipway-test-store-'));

  static async create(...others: readonly ToolRootName[]): Promise<OwnStore> {
    bringTools();
    const own = new OwnStore();
    await using shared = await Store.open(SHARED_STORE);
    for (const id of ['sdk', 'sdk-files', ...others].map((name) => `tool-root/${name}`)) {
      const key = shared.results.lastKey(id);
      const result = shared.results.last(id);
      if (key === undefined || result === undefined) throw new Error(`Expected ${id} in ${SHARED_STORE}`);
      own.#link(shared.results.path(key));
      for (const output of Object.values(result.outputs)) own.#link(shared.pathOf(output));
    }
    return own;
  }

  #link(path: string): void {
    const target = join(this.dir, path.slice(SHARED_STORE.length));
    mkdirSync(dirname(target), { recursive: true });
    execFileSync('cp', ['-al', path, target]);
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

let brought = false;

function bringTools(): void {
  if (brought) return;
  const argv = ['--import', 'tsx', join(CHECKOUT, 'Makefile.ts'), 'sdk', 'path'];
  execFileSync(process.execPath, argv, {
    cwd: CHECKOUT,
    stdio: 'ignore',
    env: { ...process.env, SLIPWAY_CACHE: SHARED_STORE },
  });
  brought = true;
}
