import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Arch } from '../config/arch.ts';
import { throwAll } from '../errors.ts';
import { Catalogue } from '../rpm/resolve.ts';
import { FACTS, parseFacts, specTask } from '../rpm/spec.ts';
import { checkPackage } from './check-package.ts';
import { localFiles } from './packages.ts';
import { runPhase } from './workbench.ts';
import type { Workbench } from './workbench.ts';

/**
 * Asks rpm about every spec, for one architecture: the first of the two runs of the graph.
 * @throws BuildErrors what rpm cannot parse, and what it would build otherwise than meant
 */
export async function readCatalogue(bench: Workbench, arch: Arch): Promise<Catalogue> {
  const { project, store, sandbox, sdk } = bench;
  const packages = [...project.packages.values()].map((pkg) => {
    const specPath = join(pkg.path, `${pkg.name}.spec`);
    const files = localFiles(bench, pkg);
    const spec = files[`${pkg.name}.spec`];
    if (spec === undefined) throw new TypeError(`Expected the spec of ${pkg.name} among its files`);
    return { pkg, files, spec, task: specTask({ sandbox, sdk, arch, name: pkg.name, specPath, spec }) };
  });
  const result = await runPhase(
    bench,
    'Read specs',
    packages.map(({ task }) => task),
  );
  const read = packages.map(({ pkg, files, spec, task }) => ({
    pkg,
    spec: readFileSync(store.pathOf(spec), 'utf8'),
    facts: parseFacts(readFileSync(store.pathOf(result.output(task, FACTS)), 'utf8')),
    local: Object.keys(files),
  }));
  throwAll(read.flatMap(checkPackage));
  const facts = new Map(read.map((each) => [each.pkg.name, each.facts]));
  return new Catalogue(facts, arch);
}
