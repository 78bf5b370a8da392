import type { Outputs, RunContext } from '../graph/task.ts';
import type { Action } from './action.ts';

/** Runs actions hermetically: bubblewrap on this machine, or an engine elsewhere that gives the same bytes. */
export interface Sandbox {
  /** @throws BuildError sandbox/command-failed, sandbox/output-missing, sandbox/no-user-namespaces */
  run(action: Action, context: RunContext): Promise<Outputs>;
  /** Enters the action's sandbox in this terminal, with its inputs and an empty build directory. Gives bash's exit status. */
  shell(action: Action, context: Pick<RunContext, 'workDir' | 'cores'>): Promise<number>;
}
