import type { Command } from 'commander';

import { planGraph } from '../graph/dry-run.ts';
import type { Verdict } from '../graph/dry-run.ts';
import { explainKey } from '../graph/because.ts';
import type { KeyDifference } from '../graph/fingerprint.ts';
import type { Json, Task } from '../graph/task.ts';
import { addProfileFlag, addRunFlags } from './flags.ts';
import type { ProfileFlags, RunFlags } from './flags.ts';
import { example } from './help.ts';
import { namedTask } from './named-task.ts';
import { openBench } from './open-bench.ts';
import { describeBecause } from './plan.ts';
import type { RunVerb } from './session.ts';

export function addExplain(program: Command, run: RunVerb): void {
  addProfileFlag(addRunFlags(program.command('explain').argument('<task>', 'the task, as "plan" names it')))
    .description('Say why a task would run: the difference from its last key, field by field')
    .addHelpText('after', example('explain build/systemd.x86_64', '--json explain boot/metal-dev.x86_64'))
    .action((id: string, flags: RunFlags & ProfileFlags) =>
      run(async (session) => {
        await using bench = await openBench(session, flags);
        const task = await namedTask(session, bench, { id, sbkeys: flags.sbkeys });
        const verdict = planGraph([task], bench.store).get(task);
        if (verdict === undefined) throw new TypeError('a plan has its own target');
        const differences = verdict.type === 'maybe' ? [] : (explainKey(bench.store, id, verdict.now) ?? []);
        session.result(describeVerdict(task, verdict, differences), { id, verdict: verdict.type, differences });
      }),
    );
}

function describeVerdict({ id, title }: Task, verdict: Verdict, differences: readonly KeyDifference[]): string {
  const lines = differences.map(
    ({ field, before, after }) => `  ${field}\n    - ${print(before)}\n    + ${print(after)}`,
  );
  switch (verdict.type) {
    case 'fresh':
      return [
        `${id} (${title}) has nothing to do: its result is in the store under key ${verdict.now.key}`,
        ...(lines.length > 0 ? ['It last ran because these had changed:', ...lines] : []),
      ].join('\n');
    case 'maybe':
      return `${id} (${title}) may run, depending on what these give: ${verdict.dependsOn.join(', ')}`;
    case 'runs':
      return [`${id} (${title}) runs: ${describeBecause(verdict.because)}`, ...lines].join('\n');
  }
}

function print(value: Json | undefined): string {
  return value === undefined ? '(not there)' : JSON.stringify(value);
}
