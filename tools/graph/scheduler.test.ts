import { existsSync, readFileSync, readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { GraphRig } from '../../test/rig/graph-rig.ts';
import { BuildError } from '../errors.ts';
import { planGraph } from './dry-run.ts';
import type { Outcome } from './events.ts';
import { hashKey } from './fingerprint.ts';
import type { GraphResult } from './scheduler.ts';
import type { RunContext, Task } from './task.ts';

function outcomes(result: GraphResult): Record<string, Outcome['type']> {
  return Object.fromEntries([...result.outcomes].map(([id, outcome]) => [id, outcome.type]));
}

async function workHard(context: RunContext): Promise<void> {
  context.addCpuSeconds(1.5);
  await sleep(30);
}

function fail(): never {
  throw new BuildError('sandbox/command-failed', 'Cannot run "false"');
}

describe('a build', () => {
  test('runs what is needed once, needs first', async () => {
    await using rig = await GraphRig.create();
    const base = rig.task('a/base');
    const left = rig.task('a/left', { needs: [base] });
    const right = rig.task('a/right', { needs: [base] });
    const top = rig.task('a/top', { needs: [left, right] });
    const result = await rig.build([top, right]);
    expect(result.ok).toBe(true);
    expect(rig.runs.toSorted()).toEqual(['a/base', 'a/left', 'a/right', 'a/top']);
    expect([rig.runs[0], rig.runs[3]]).toEqual(['a/base', 'a/top']);
    expect(readFileSync(rig.store.pathOf(result.output(top, 'out')), 'utf8')).toBe('a/top');
  });

  test('run again has nothing to do', async () => {
    await using rig = await GraphRig.create();
    const base = rig.task('a/base');
    const top = rig.task('a/top', { needs: [base] });
    await rig.build([top]);
    const again = await rig.build([top]);
    expect([rig.runs, outcomes(again)]).toEqual([[], { 'a/base': 'fresh', 'a/top': 'fresh' }]);
  });

  test('a rebuild that yields the same bytes stops there', async () => {
    await using rig = await GraphRig.create();
    const make = (sees: string): Task => rig.task('a/top', { needs: [rig.task('a/base', { sees, makes: 'same' })] });
    await rig.build([make('one')]);
    const result = await rig.build([make('two')]);
    expect(rig.runs).toEqual(['a/base']);
    expect(result.outcomes.get('a/base')).toMatchObject({ type: 'built', unchanged: true });
    expect(result.outcomes.get('a/top')).toEqual({ type: 'fresh' });
  });

  test('a changed output runs what needs it, and says why', async () => {
    await using rig = await GraphRig.create();
    const make = (sees: string): Task => rig.task('a/top', { needs: [rig.task('a/base', { sees, makes: sees })] });
    await rig.build([make('one')]);
    await rig.build([make('two')]);
    const started = rig.events.filter((event) => event.type === 'task-started');
    expect(started.map(({ id, because }) => [id, because])).toEqual([
      ['a/base', { type: 'key-changed', fields: ['sees'] }],
      ['a/top', { type: 'key-changed', fields: ['needs[0]'] }],
    ]);
  });

  test('an output that is gone is made again', async () => {
    await using rig = await GraphRig.create();
    const task = rig.task('a/base');
    const result = await rig.build([task]);
    unlinkSync(rig.store.pathOf(result.output(task, 'out')));
    await rig.build([task]);
    expect(rig.events.find((event) => event.type === 'task-started')).toMatchObject({
      because: { type: 'outputs-missing' },
    });
  });

  test('adds up CPU seconds and the longest chain', async () => {
    await using rig = await GraphRig.create();
    const base = rig.task('a/base', { run: workHard });
    const { statistics } = await rig.build([
      rig.task('a/left', { needs: [base], run: workHard }),
      rig.task('a/right', { needs: [base], run: workHard }),
    ]);
    expect([statistics.cpuSeconds, statistics.built]).toEqual([4.5, 3]);
    expect(statistics.criticalPathSeconds).toBeGreaterThanOrEqual(0.05);
    expect(statistics.criticalPathSeconds).toBeLessThanOrEqual(statistics.wallSeconds);
  });
});

describe('a task that fails', () => {
  test('is not stored, and what needs it is skipped', async () => {
    await using rig = await GraphRig.create();
    const bad = rig.task('a/bad', { run: fail });
    const top = rig.task('a/top', { needs: [rig.task('a/middle', { needs: [bad] })] });
    const result = await rig.build([top]);
    expect([result.ok, result.outcomes.get('a/top')]).toEqual([false, { type: 'skipped', because: 'a/bad' }]);
    await rig.build([top]);
    expect(rig.runs).toEqual(['a/bad']);
  });

  test('stops what has not begun, unless told to keep going', async () => {
    await using rig = await GraphRig.create();
    const bad = rig.task('a/bad', { run: fail });
    const other = rig.task('a/other');
    const after = rig.task('a/after', { needs: [other] });
    const stopped = await rig.build([bad, after], { cores: 1 });
    const whole = await rig.build([bad, after], { cores: 1, keepGoing: true });
    expect(outcomes(stopped)['a/after']).toBe('skipped');
    expect(outcomes(whole)).toEqual({ 'a/bad': 'failed', 'a/other': 'fresh', 'a/after': 'built' });
  });

  test('leaves its log, and its last lines in the outcome', async () => {
    await using rig = await GraphRig.create();
    const bad = rig.task('a/bad', {
      run: (context) => {
        for (let line = 1; line <= 30; line += 1) context.log(`line ${line}`);
        fail();
      },
    });
    const outcome = (await rig.build([bad])).outcomes.get('a/bad');
    if (outcome?.type !== 'failed') throw new Error('Expected a failure');
    expect([outcome.logTail.length, outcome.logTail.at(-1)]).toEqual([20, 'line 30']);
    expect(readFileSync(outcome.logPath ?? '', 'utf8')).toBe(readFileSync(rig.store.logPath('a/bad'), 'utf8'));
    expect(readFileSync(rig.store.logPath('a/bad'), 'utf8').split('\n').length).toBe(31);
  });

  test('leaves no work directory', async () => {
    await using rig = await GraphRig.create();
    let workDir = '';
    await rig.build([
      rig.task('a/bad', {
        run: (context) => {
          workDir = context.workDir;
          expect(existsSync(workDir)).toBe(true);
          fail();
        },
      }),
    ]);
    expect(existsSync(workDir)).toBe(false);
  });

  test('an output that its user expects and it does not make is named', async () => {
    await using rig = await GraphRig.create();
    const base = rig.task('a/base');
    const top: Task = {
      ...rig.task('a/top'),
      needs: [base],
      resolve: (inputs) => ({ key: inputs.output(base, 'lib').digest.hash, run: () => Promise.resolve({}) }),
    };
    expect((await rig.build([top])).outcomes.get('a/top')).toMatchObject({ error: { code: 'graph/no-such-output' } });
  });

  test('a task cannot see what it does not declare', async () => {
    await using rig = await GraphRig.create();
    const base = rig.task('a/base');
    const top: Task = {
      ...rig.task('a/top'),
      needs: [],
      resolve: (inputs) => ({ key: inputs.output(base, 'out').digest.hash, run: () => Promise.resolve({}) }),
    };
    expect((await rig.build([base, top])).outcomes.get('a/top')).toMatchObject({
      type: 'failed',
      error: { message: 'Task "a/top" uses "a/base", which it does not declare as a need' },
    });
  });
});

describe('an interrupted build', () => {
  test('ends what runs, skips the rest, keeps what was done', async () => {
    await using rig = await GraphRig.create();
    const done = rig.task('a/done');
    const controller = new AbortController();
    const endless = rig.task('a/endless', {
      needs: [done],
      run: async ({ signal }) => {
        controller.abort();
        await sleep(60_000, undefined, { signal });
      },
    });
    const top = rig.task('a/top', { needs: [endless] });
    const result = await rig.build([top], { signal: controller.signal });
    expect(outcomes(result)).toEqual({ 'a/done': 'built', 'a/endless': 'skipped', 'a/top': 'skipped' });
    expect(readdirSync(join(rig.store.dir, 'locks'))).toEqual([]);
    await rig.build([done]);
    expect(rig.runs).toEqual([]);
  });
});

describe('the schedule', () => {
  test('no more runs at once than cores and memory allow', async () => {
    await using rig = await GraphRig.create();
    let running = 0;
    let most = 0;
    const run = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await sleep(5);
      running -= 1;
    };
    const cpu = Array.from({ length: 8 }, (_, index) => rig.task(`cpu/${index}`, { run }));
    await rig.build(cpu, { cores: 3 });
    expect(most).toBe(3);
    most = 0;
    const memory = Array.from({ length: 8 }, (_, index) =>
      rig.task(`memory/${index}`, { run, cost: { memoryMiB: 400 } }),
    );
    await rig.build(memory, { cores: 8, memoryMiB: 1000 });
    expect(most).toBe(2);
    most = 0;
    const huge = Array.from({ length: 3 }, (_, index) => rig.task(`huge/${index}`, { run, cost: { memoryMiB: 5000 } }));
    expect((await rig.build(huge, { cores: 8, memoryMiB: 1000 })).ok).toBe(true);
    expect(most).toBe(1);
  });

  test('transfers have a budget of their own', async () => {
    await using rig = await GraphRig.create();
    const gate = Promise.withResolvers<void>();
    const busy = rig.task('cpu/busy', { cost: { cores: 1 }, run: () => gate.promise });
    const fetches = Array.from({ length: 3 }, (_, index) =>
      rig.task(`fetch/${index}`, { cost: { network: true }, run: () => (index === 2 ? gate.resolve() : undefined) }),
    );
    expect((await rig.build([busy, ...fetches], { cores: 1, transfers: 1 })).ok).toBe(true);
  });

  test('what the longest chain waits for goes first, by the times of earlier runs', async () => {
    await using rig = await GraphRig.create();
    const earlier = { 'quick/a': 1000, 'quick/b': 2000, 'slow/base': 10, 'slow/top': 5000 };
    for (const [id, durationMs] of Object.entries(earlier)) {
      rig.store.results.write(hashKey(id), '{}', { id, outputs: {}, durationMs, cpuSeconds: 0 });
    }
    const quick = ['quick/a', 'quick/b', 'quick/new'].map((id) => rig.task(id));
    await rig.build([...quick, rig.task('slow/top', { needs: [rig.task('slow/base')] })], { cores: 1 });
    // The new one is taken to last as long as the median of its kind.
    expect(rig.runs.slice(0, 2)).toEqual(['slow/base', 'slow/top']);
    expect(rig.runs.at(-1)).toBe('quick/a');
  });

  test('two tasks of one key run once', async () => {
    await using rig = await GraphRig.create();
    const twins = ['a/one', 'a/two'].map((id): Task => ({
      ...rig.task(id, { run: async () => await sleep(20) }),
      id,
      needs: [],
    }));
    const same = twins.map((task): Task => ({
      ...task,
      resolve: (inputs) => ({ ...task.resolve(inputs), key: 'the same' }),
    }));
    const result = await rig.build(same);
    expect(rig.runs.length).toBe(1);
    expect(Object.values(outcomes(result)).toSorted()).toEqual(['built', 'fresh']);
  });
});

describe('the plan', () => {
  test('a cycle is named with its whole path', async () => {
    await using rig = await GraphRig.create();
    const needs: Task[] = [];
    const a: Task = { ...rig.task('a/a'), needs };
    const b = { ...rig.task('a/b'), needs: [a] };
    needs.push({ ...rig.task('a/c'), needs: [b] });
    await expect(rig.build([b])).rejects.toThrow('a/b -> a/a -> a/c -> a/b');
  });

  test('two tasks of one name are refused', async () => {
    await using rig = await GraphRig.create();
    await expect(rig.build([rig.task('a/a'), rig.task('a/a')])).rejects.toMatchObject({ code: 'graph/duplicate-task' });
  });

  test('a chain may be longer than the call stack is deep', async () => {
    await using rig = await GraphRig.create();
    let last = rig.task('chain/0');
    for (let index = 1; index < 20_000; index += 1) last = rig.task(`chain/${index}`, { needs: [last] });
    expect(planGraph([last], rig.store).size).toBe(20_000);
  });

  test('a dry run tells what runs, what may, and why', async () => {
    await using rig = await GraphRig.create();
    const make = (sees: string): Task[] => {
      const base = rig.task('a/base', { sees });
      return [base, rig.task('a/top', { needs: [base] }), rig.task('a/other')];
    };
    await rig.build(make('one'));
    const verdicts = [...planGraph(make('two'), rig.store).values()];
    expect(verdicts).toMatchObject([
      { type: 'runs', because: { type: 'key-changed', fields: ['sees'] } },
      { type: 'maybe', dependsOn: ['a/base'] },
      { type: 'fresh' },
    ]);
  });
});
