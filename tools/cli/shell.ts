import type { Command } from 'commander';

import { BuildError } from '../errors.ts';
import { looseContext } from '../graph/run-context.ts';
import { runPhase } from '../recipe/workbench.ts';
import { isActionTask } from '../sandbox/action-task.ts';
import { addProfileFlag, addRunFlags } from './flags.ts';
import type { ProfileFlags, RunFlags } from './flags.ts';
import { example } from './help.ts';
import { namedTask } from './named-task.ts';
import { openBench } from './open-bench.ts';
import type { RunVerb } from './session.ts';

export function addShell(program: Command, run: RunVerb): void {
  addProfileFlag(addRunFlags(program.command('shell').argument('<task>', 'the task, as "plan" and a failure name it')))
    .description('Enter the very sandbox of a task: its layers, inputs and environment, an empty build directory')
    .addHelpText('after', example('shell build/systemd.x86_64'))
    .action((id: string, flags: RunFlags & ProfileFlags) =>
      run(async (session) => {
        await using bench = await openBench(session, flags);
        const task = await namedTask(session, bench, { id, sbkeys: flags.sbkeys });
        if (!isActionTask(task)) {
          throw new BuildError('cli/no-sandbox', `Cannot enter task "${id}": it runs no command in a sandbox`);
        }
        const needs = await runPhase(bench, `Prepare ${id}`, task.needs);
        await using work = bench.store.makeWorkDir();
        await task.sandbox.shell(task.action(needs), looseContext(work.path, bench.limits));
      }),
    );
}
