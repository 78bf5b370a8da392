import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runGraph } from '../../tools/graph/scheduler.ts';
import type { Store } from '../../tools/graph/store.ts';
import type { Output, Task, Work } from '../../tools/graph/task.ts';
import { quoteCommand, runCommand } from '../../tools/process/command.ts';
import { actionTask } from '../../tools/sandbox/action-task.ts';
import type { Action } from '../../tools/sandbox/action.ts';
import { BubblewrapSandbox } from '../../tools/sandbox/bubblewrap.ts';
import { programOf } from '../../tools/sandbox/program.ts';
import { mountOptions } from '../../tools/sandbox/mounts.ts';
import { wrapped } from '../../tools/sandbox/wrapper.ts';

const CHAINS = 100;
const JOBS = 2;
const COST = { cores: 1, memoryMiB: 1 };

/** Makes the task of an index; `before` is the one whose output its key holds. */
export type MakeTask = (index: number, before: Task | undefined) => Task;

/** Chains of equal length. */
function syntheticTasks(count: number, make: MakeTask): Task[] {
  const tasks: Task[] = [];
  for (let index = 0; index < count; index += 1) tasks.push(make(index, tasks[index - CHAINS]));
  return tasks;
}

/** A task that costs nothing itself: all that is timed is the engine. */
export function inProcess(store: Store): MakeTask {
  return (index, before) => ({
    id: `bench/${index}`,
    title: `Task ${index}`,
    needs: before === undefined ? [] : [before],
    cost: COST,
    resolve: (inputs): Work => {
      const need = before === undefined ? null : inputs.output(before, 'out').digest.hash;
      return { key: { index, need }, run: () => Promise.resolve({ out: store.putBytes(String(index)) }) };
    },
  });
}

function sandboxedAction(index: number, layers: readonly Output[]): Action {
  const argv = ['bash', '-c', `echo ${index} > /slipway/out/out`];
  return { argv, env: {}, layers, inputs: {}, outputs: { type: 'named', names: { out: 'file' } } };
}

/** A task that is one small action in a sandbox. */
export function sandboxed(store: Store, layers: readonly Output[]): MakeTask {
  const sandbox = new BubblewrapSandbox(store);
  return (index, before) => {
    const needs = before === undefined ? [] : [before];
    const action = (): Action => ({ ...sandboxedAction(index, layers), env: { BENCH: store.session.name } });
    return actionTask({ sandbox, id: `bench/${index}`, title: `Task ${index}`, needs, cost: COST, action });
  };
}

/** Seconds one build of synthetic tasks takes. */
export async function timeEngine(store: Store, count: number, make: MakeTask): Promise<number> {
  const started = performance.now();
  const result = await runGraph(syntheticTasks(count, make), {
    store,
    sink: () => undefined,
    signal: new AbortController().signal,
    cores: JOBS,
    memoryMiB: 4096,
  });
  if (!result.ok) throw new Error('Expected the synthetic build to end well');
  return (performance.now() - started) / 1000;
}

export interface NinjaOptions {
  readonly ninja: readonly string[];
  readonly dir: string;
  /** The shell command of an index. */
  readonly command: (index: number) => string;
}

/** Commands with the same edges, by ninja. */
export async function timeNinja(count: number, { ninja, dir, command }: NinjaOptions): Promise<number> {
  const lines = ['rule run', '  command = $cmd'];
  for (let index = 0; index < count; index += 1) {
    const before = index < CHAINS ? '' : `out/${index - CHAINS}`;
    lines.push(`build out/${index}: run ${before}`, `  cmd = ${command(index)}`);
  }
  mkdirSync(join(dir, 'out'), { recursive: true });
  writeFileSync(join(dir, 'build.ninja'), `${lines.join('\n')}\n`);
  const started = performance.now();
  const env = { PATH: '/usr/bin:/bin' };
  const { status } = await runCommand([...ninja, '-j', String(JOBS), '--quiet'], {
    env,
    cwd: dir,
    onLine: () => undefined,
  });
  if (status !== 0) throw new Error(`Expected ninja to end well, got status ${status}`);
  return (performance.now() - started) / 1000;
}

/** The command line of `sandboxed` in a script, without the store: what ninja runs for comparison. */
export function sandboxedCommand(
  index: number,
  { store, layers, dir }: { store: Store; layers: readonly Output[]; dir: string },
): string {
  const [lowest] = layers;
  if (lowest === undefined) throw new Error('Expected a layer');
  const workDir = join(dir, `work-${index}`);
  mkdirSync(workDir, { recursive: true });
  const action = sandboxedAction(index, layers);
  const bubblewrap = [
    ...programOf(store.pathOf(lowest), 'usr/bin/bwrap'),
    ...mountOptions(action, { store, workDir, cores: 1 }),
  ];
  writeFileSync(join(workDir, 'run'), `exec ${quoteCommand([...bubblewrap, ...wrapped(action.argv)])} 3>/dev/null\n`);
  return `sh ${join(workDir, 'run')} && touch out/${index}`;
}
