import { ARCHES } from '../config/arch.ts';
import type { Arch } from '../config/arch.ts';
import { suggest } from '../config/suggest.ts';
import { BuildError } from '../errors.ts';
import { makePlan } from '../graph/plan.ts';
import type { Task, TaskId } from '../graph/task.ts';
import { ArchTasks } from './arch-tasks.ts';
import type { Profile } from '../secure-boot/profile.ts';
import { plannedTasks } from './planned-tasks.ts';
import { planVariant } from './variant.ts';
import type { Workbench } from './workbench.ts';

export interface Wanted {
  readonly id: TaskId;
  readonly buildId: string;
  /** Whose keys sign boot chains; asked where there is one. */
  readonly profile: () => Profile | undefined;
}

/**
 * A task of this checkout by its id: of any package, and of any variant's image. @throws BuildError graph/unknown-task
 */
export async function findTask(bench: Workbench, { id, buildId, profile }: Wanted): Promise<Task> {
  const arch = archOf(id);
  const common = await ArchTasks.read(bench, arch);
  const variants = [...bench.project.variants.values()].filter((variant) => variant.arches.includes(arch));
  const plans = variants.map((variant) => planVariant(bench, variant, { common, buildId }));
  const signer = plans.some(({ signing }) => signing !== undefined) ? profile() : undefined;
  const known = new Map<TaskId, Task>();
  const roots = [
    ...[...bench.project.packages.keys()].map((name) => common.packages.build(name)),
    ...plans.flatMap((plan) => plannedTasks(bench, plan, signer)),
  ];
  for (const task of makePlan(roots).tasks) known.set(task.id, task);
  const task = known.get(id);
  if (task !== undefined) return task;
  const near = suggest(id, [...known.keys()]);
  throw new BuildError('graph/unknown-task', `Cannot find task "${id}" in this checkout`, {
    hint: near ?? '"plan --variant <name>" lists the tasks of a variant',
  });
}

function archOf(id: TaskId): Arch {
  return ARCHES.find((arch) => id.endsWith(`.${arch}`)) ?? ARCHES[0];
}
