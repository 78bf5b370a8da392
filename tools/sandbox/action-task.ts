import type { Cost, Inputs, Task, TaskId } from '../graph/task.ts';
import { quoteCommand } from '../process/command.ts';
import { actionKey, type Action } from './action.ts';
import type { Sandbox } from './sandbox.ts';

export interface ActionTaskOptions {
  readonly sandbox: Sandbox;
  readonly id: TaskId;
  readonly title: string;
  readonly needs: readonly Task[];
  readonly cost: Cost;
  /** The command, once what it needs is known. Pure. */
  readonly action: (inputs: Inputs) => Action;
}

/** A task that is one sandboxed command; `shell` enters it by its `action`. */
export interface ActionTask extends Task {
  readonly sandbox: Sandbox;
  readonly action: (inputs: Inputs) => Action;
}

export function actionTask(options: ActionTaskOptions): ActionTask {
  return {
    ...options,
    resolve: (inputs) => {
      const action = options.action(inputs);
      return {
        key: actionKey(action),
        command: quoteCommand(action.argv),
        run: (context) => options.sandbox.run(action, context),
      };
    },
  };
}

export function isActionTask(task: Task): task is ActionTask {
  return 'action' in task && 'sandbox' in task;
}
