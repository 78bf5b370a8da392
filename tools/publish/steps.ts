import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

import { BuildError, throwAll } from '../errors.ts';
import { BuildErrors } from '../errors.ts';
import type { EventSink } from '../graph/events.ts';
import type { Json } from '../graph/task.ts';
import { guard } from './journal.ts';

/** One change of the world, as a plan prints it. */
export interface Step {
  /** Unique in a plan, and the same in the plan of the next run: `copy-image/eu-west-1`. */
  readonly id: string;
  readonly title: string;
  /** What it asks of the service, in its own words and in order. */
  readonly calls: readonly string[];
  readonly before: Json;
  readonly after: Json;
  /** Ids of steps that come first. */
  readonly needs: readonly string[];
}

export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly unit: 'bytes' | 'items';
  readonly note?: string;
}

/** How far a step is, to whoever watches. */
export interface StepVoice {
  progress(how: Progress): void;
}

export interface StepRun<S extends Step> {
  readonly sink: EventSink;
  readonly signal: AbortSignal;
  /** Applied steps are added to it, one JSON a line. */
  readonly journalPath: string;
  readonly verb: string;
  readonly perform: (step: S, voice: StepVoice) => Promise<Json | undefined>;
}

/**
 * Does each step as soon as those before it are done. What fails holds up what needs it and nothing else.
 * @throws BuildErrors all that failed
 */
export async function runSteps<S extends Step>(title: string, steps: readonly S[], run: StepRun<S>): Promise<void> {
  if (steps.length === 0) return;
  run.sink({ type: 'phase', title, tasks: steps.length });
  const errors: BuildError[] = [];
  const bugs: unknown[] = [];
  const ends = new Map<string, Promise<boolean>>();
  const endOf = (step: S): Promise<boolean> => {
    const known = ends.get(step.id);
    if (known !== undefined) return known;
    const needed = steps.filter(({ id }) => step.needs.includes(id));
    const end = Promise.all(needed.map(endOf)).then(async (done) => {
      const culprit = needed[done.indexOf(false)];
      if (culprit !== undefined) return skip(step, culprit, run);
      return await perform(step, run, { errors, bugs });
    });
    ends.set(step.id, end);
    return end;
  };
  await Promise.all(steps.map(endOf));
  run.sink({ type: 'phase-ended', title });
  run.signal.throwIfAborted();
  if (bugs.length > 0) throw bugs[0];
  throwAll(errors);
}

function skip<S extends Step>({ id, title }: S, culprit: Step, { sink }: StepRun<S>): false {
  sink({ type: 'task-ended', id, title, outcome: { type: 'skipped', because: culprit.id } });
  return false;
}

async function perform<S extends Step>(
  step: S,
  run: StepRun<S>,
  { errors, bugs }: { errors: BuildError[]; bugs: unknown[] },
): Promise<boolean> {
  const { id, title } = step;
  if (run.signal.aborted) {
    run.sink({ type: 'task-ended', id, title, outcome: { type: 'skipped', because: 'interrupted' } });
    return false;
  }
  run.sink({ type: 'task-started', id, title, because: { type: 'planned' } });
  const startedMs = performance.now();
  const voice: StepVoice = {
    progress: (how) => run.sink({ type: 'task-progress', id, ...how }),
  };
  try {
    const result = await run.perform(step, voice);
    writeJournal(run, step, result);
    const durationMs = performance.now() - startedMs;
    run.sink({
      type: 'task-ended',
      id,
      title,
      outcome: { type: 'built', durationMs, cpuSeconds: 0, unchanged: false },
    });
    return true;
  } catch (thrown) {
    if (run.signal.aborted) {
      run.sink({ type: 'task-ended', id, title, outcome: { type: 'skipped', because: 'interrupted' } });
      return false;
    }
    const error = thrown instanceof Error ? thrown : new TypeError('expected an error', { cause: thrown });
    if (error instanceof BuildErrors) errors.push(...error.errors);
    else if (error instanceof BuildError) errors.push(error);
    else bugs.push(error);
    const outcome = { type: 'failed', error, command: undefined, logPath: undefined, logTail: [] } as const;
    run.sink({ type: 'task-ended', id, title, outcome });
    return false;
  }
}

function writeJournal<S extends Step>({ journalPath, verb }: StepRun<S>, step: S, result: Json | undefined): void {
  const line = { time: new Date().toISOString(), verb, ...step, result };
  guard(journalPath, () => {
    mkdirSync(dirname(journalPath), { recursive: true });
    appendFileSync(journalPath, `${JSON.stringify(line)}\n`);
  });
}
