import type { Arch } from '../config/arch.ts';
import { findVariant } from '../config/project.ts';
import type { Located, Project } from '../config/project.ts';
import type { Variant } from '../config/variant.ts';
import { BuildError } from '../errors.ts';
import { ArchTasks } from './arch-tasks.ts';
import { planVariant } from './variant.ts';
import type { VariantPlan } from './variant.ts';
import type { Workbench } from './workbench.ts';

/** Which images a command is about. */
export interface Targets {
  readonly variant?: string | undefined;
  readonly all?: boolean | undefined;
  readonly arch?: Arch | undefined;
}

/** Plans every image asked for, as parts of one graph. @throws BuildErrors */
export async function planTargets(
  bench: Workbench,
  targets: Targets,
  buildId: string,
): Promise<readonly VariantPlan[]> {
  const wanted = chooseTargets(bench, targets);
  const plans: VariantPlan[] = [];
  for (const arch of new Set(wanted.map((target) => target.arch))) {
    const common = await ArchTasks.read(bench, arch);
    const variants = wanted.filter((target) => target.arch === arch).map((target) => target.variant);
    plans.push(...variants.map((variant) => planVariant(bench, variant, { common, buildId })));
  }
  return plans;
}

interface Target {
  readonly variant: Located<Variant>;
  readonly arch: Arch;
}

function chooseTargets({ project }: Workbench, { variant, all, arch }: Targets): readonly Target[] {
  if (all === true) {
    return [...project.variants.values()].flatMap((each) =>
      each.arches.filter((its) => arch === undefined || its === arch).map((its) => ({ variant: each, arch: its })),
    );
  }
  const found = wantedVariant(project, variant);
  const [first] = found.arches;
  if (first === undefined) throw new TypeError('a variant lists an architecture');
  return [{ variant: found, arch: arch ?? first }];
}

/** The one variant a command is about. @throws BuildError cli/no-target, config/unknown-variant */
export function wantedVariant(project: Project, name: string | undefined): Located<Variant> {
  if (name !== undefined) return findVariant(project, name);
  throw new BuildError('cli/no-target', 'Cannot tell which variant is meant: expected --variant <name>', {
    hint: `Variants here: ${[...project.variants.keys()].join(', ') || 'none'}`,
  });
}
