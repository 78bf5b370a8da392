import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { BuildError } from '../../tools/errors.ts';
import { runGraph } from '../../tools/graph/scheduler.ts';
import { Store } from '../../tools/graph/store.ts';
import type { Task } from '../../tools/graph/task.ts';

const TASKS = 12;
const STDOUT = 1;

/** A build of twelve tasks in a process of its own: says each task that it runs, and how its build ended (with the error's code). */
const [storeDir = '', eachMs = '0', outputBytes = '10'] = process.argv.slice(2);
await using store = await Store.open(storeDir);
const tasks = Array.from({ length: TASKS }, (_, index) => makeTask(`child/${index}`));
const result = await runGraph(tasks, {
  store,
  sink: () => undefined,
  signal: new AbortController().signal,
  cores: 2,
  memoryMiB: 100,
});
const failures = [...result.outcomes.values()].filter((outcome) => outcome.type === 'failed');
say(result.ok ? 'ok' : failures.map(({ error }) => (error instanceof BuildError ? error.code : String(error))).join());

function makeTask(id: string): Task {
  return {
    id,
    title: id,
    needs: [],
    cost: { cores: 1, memoryMiB: 1 },
    resolve: () => ({
      key: [id, outputBytes],
      run: async (context) => {
        context.log(context.workDir);
        say(id);
        await sleep(Number(eachMs));
        return { out: store.putBytes(id.padEnd(Number(outputBytes))) };
      },
    }),
  };
}

function say(line: string): void {
  writeSync(STDOUT, `${line}\n`);
}
