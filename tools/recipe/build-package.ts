import type { Arch } from '../config/arch.ts';
import { suggest } from '../config/suggest.ts';
import { BuildError, throwAll } from '../errors.ts';
import type { Statistics } from '../graph/statistics.ts';
import { ArchTasks } from './arch-tasks.ts';
import { runPhase } from './workbench.ts';
import type { Workbench } from './workbench.ts';

export interface BuiltPackage {
  readonly name: string;
  readonly arch: Arch;
  /** The RPMs, and where the store keeps them. */
  readonly rpms: readonly {
    readonly file: string;
    readonly sha256: string;
    readonly bytes: number;
    readonly path: string;
  }[];
  readonly statistics: Statistics;
}

/** Builds one package with all it is built with. */
export async function buildPackage(bench: Workbench, name: string, arch: Arch): Promise<BuiltPackage> {
  const known = [...bench.project.packages.keys()];
  if (!known.includes(name)) {
    const hint = suggest(name, known) ?? `Write packages/${name}/${name}.spec`;
    throw new BuildError('config/unknown-package', `Cannot find package "${name}" below packages/`, { hint });
  }
  const { catalogue, packages } = await ArchTasks.read(bench, arch);
  const errors: BuildError[] = [];
  catalogue.buildOrder([name], errors);
  throwAll(errors);
  const task = packages.build(name);
  const result = await runPhase(bench, `Build ${name}`, [task]);
  const rpms = Object.entries(result.outputs(task)).map(([file, output]) => ({
    file,
    sha256: output.digest.hash,
    bytes: output.digest.size,
    path: bench.store.pathOf(output),
  }));
  return { name, arch, rpms, statistics: result.statistics };
}
