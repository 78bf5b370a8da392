import { join } from 'node:path';

import type { Upkeep } from '../aws/sharing-plan.ts';
import { runSteps } from '../publish/steps.ts';
import type { Step, StepRun } from '../publish/steps.ts';
import { describeSteps } from './describe-steps.ts';
import type { Session } from './session.ts';

/**
 * Prints a plan, or does it: what both kinds of run of a publishing verb share.
 */
export async function runPlan<S extends Step>(
  session: Session,
  upkeep: Pick<Upkeep, 'stateDir' | 'sink' | 'signal'>,
  plan: {
    readonly verb: string;
    readonly mode: 'print' | 'apply';
    readonly steps: readonly S[];
    readonly perform: StepRun<S>['perform'];
    /** What it says afterwards. */
    readonly done: () => string;
  },
): Promise<void> {
  const { verb, mode, steps, perform, done } = plan;
  if (mode === 'print') return session.result(describeSteps(steps), steps);
  const { stateDir, sink, signal } = upkeep;
  await runSteps('Publish', steps, { sink, signal, verb, perform, journalPath: join(stateDir, 'journal.jsonl') });
  session.result(done(), steps);
}
