import type { Project } from '../config/project.ts';
import { BuildError } from '../errors.ts';
import type { EventSink } from '../graph/events.ts';
import { makePlan } from '../graph/plan.ts';
import { runGraph } from '../graph/scheduler.ts';
import type { GraphOptions, GraphResult } from '../graph/scheduler.ts';
import type { Store } from '../graph/store.ts';
import type { Task } from '../graph/task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';
import { assertFetched } from '../sources/offline.ts';
import type { Sources } from './sources.ts';

/** What every recipe works with: the checkout, the store, the sandbox and its tools. */
export interface Workbench {
  readonly project: Project;
  readonly store: Store;
  readonly sandbox: Sandbox;
  /** What packages are built in. */
  readonly sdk: ToolRoot;
  /** What images are made with. */
  readonly imageTools: ToolRoot;
  /** What modules of a kernel are built with elsewhere. */
  readonly kitTools: ToolRoot;
  readonly sources: Sources;
  readonly sink: EventSink;
  readonly network: 'online' | 'offline';
  readonly limits: Pick<GraphOptions, 'cores' | 'memoryMiB' | 'keepGoing' | 'signal'>;
}

/**
 * Runs one phase of a command. Without network, all that is missing is named before anything runs.
 * @throws BuildError graph/failed when a task failed; what failed has been told through events by then
 */
export async function runPhase(bench: Workbench, title: string, targets: readonly Task[]): Promise<GraphResult> {
  if (bench.network === 'offline') assertFetched(makePlan(targets).tasks, bench.store);
  bench.sink({ type: 'phase', title, tasks: targets.length });
  const result = await runGraph(targets, { ...bench.limits, store: bench.store, sink: bench.sink }).finally(() =>
    bench.sink({ type: 'phase-ended', title }),
  );
  bench.limits.signal.throwIfAborted();
  if (result.ok) return result;
  const failed = [...result.outcomes].filter(([, outcome]) => outcome.type === 'failed').map(([id]) => id);
  throw new BuildError(
    'graph/failed',
    `Cannot finish: ${failed.length === 1 ? 'this task' : `${failed.length} tasks`} failed: ${failed.join(', ')}`,
    {
      hint: 'Mend it and run the same command again: what was done is kept',
    },
  );
}
