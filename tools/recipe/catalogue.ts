import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Arch } from '../config/arch.ts';
import { throwAll } from '../errors.ts';
import { Catalogue } from '../rpm/resolve.ts';
import { FACTS, parseFacts, specTask } from '../rpm/spec.ts';
import { checkSources, localFiles } from './packages.ts';
import { runPhase } from './workbench.ts';
import type { Workbench } from './workbench.ts';

/**
 * Asks rpm about every spec, for one architecture: the first of the two runs of the graph.
 * @throws BuildErrors what rpm cannot parse, and sources that are not pinned
 */
export async function readCatalogue(bench: Workbench, arch: Arch): Promise<Catalogue> {
  const { project, store, sandbox, sdk } = bench;
  const packages = [...project.packages.values()].map((pkg) => {
    const specPath = join(pkg.path, `${pkg.name}.spec`);
    const files = localFiles(bench, pkg);
    const spec = files[`${pkg.name}.spec`];
    if (spec === undefined) throw new TypeError(`Expected the spec of ${pkg.name} among its files`);
    return { pkg, files, task: specTask({ sandbox, sdk, arch, name: pkg.name, specPath, spec }) };
  });
  const result = await runPhase(
    bench,
    'Read specs',
    packages.map(({ task }) => task),
  );
  const facts = new Map(
    packages.map(({ pkg, task }) => {
      const output = result.outputs(task)[FACTS];
      if (output === undefined) throw new TypeError(`Expected facts of ${pkg.name}`);
      return [pkg.name, parseFacts(readFileSync(store.pathOf(output), 'utf8'))] as const;
    }),
  );
  throwAll(
    packages.flatMap(({ pkg, files }) => checkSources(pkg, facts.get(pkg.name)?.sources ?? [], Object.keys(files))),
  );
  return new Catalogue(facts, arch);
}
