import { ARCHES } from '../config/arch.ts';
import type { Arch } from '../config/arch.ts';
import { suggest } from '../config/suggest.ts';
import { BuildError } from '../errors.ts';
import { makePlan } from '../graph/plan.ts';
import type { Task, TaskId } from '../graph/task.ts';
import { ArchTasks } from './arch-tasks.ts';
import { planVariant, unsignedTasks } from './variant.ts';
import type { Workbench } from './workbench.ts';

/**
 * A task of this checkout by its id: of any package, and of any variant's image. @throws BuildError graph/unknown-task
 */
export async function findTask(bench: Workbench, id: TaskId, buildId: string): Promise<Task> {
  const arch = archOf(id);
  const common = await ArchTasks.read(bench, arch);
  const variants = [...bench.project.variants.values()].filter((variant) => variant.arches.includes(arch));
  const known = new Map<TaskId, Task>();
  const roots = [
    ...[...bench.project.packages.keys()].map((name) => common.packages.build(name)),
    ...variants.flatMap((variant) => unsignedTasks(planVariant(bench, variant, { common, buildId }))),
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
