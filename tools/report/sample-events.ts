import { BuildError } from '../errors.ts';
import type { BuildEvent } from '../graph/events.ts';

type EventOf<Type extends BuildEvent['type']> = BuildEvent & { readonly type: Type };

/** One event of every type there is, for tests: a new one does not compile until it stands here. */
export const SAMPLES: { readonly [Type in BuildEvent['type']]: EventOf<Type> } = {
  phase: { type: 'phase', title: 'Build', tasks: 2 },
  'task-started': { type: 'task-started', id: 'build/a', title: 'Build a', because: { type: 'never-built' } },
  'task-line': { type: 'task-line', id: 'build/a', line: 'compiling a.c' },
  'task-progress': { type: 'task-progress', id: 'build/a', done: 1, total: 4, unit: 'items' },
  estimate: { type: 'estimate', done: 1, total: 2, secondsLeft: 75 },
  'task-ended': ended('a', { type: 'built', durationMs: 1234, cpuSeconds: 1, unchanged: false }),
  'phase-ended': { type: 'phase-ended', title: 'Build' },
  warning: { type: 'warning', message: 'Waiting for another build', hint: 'Wait' },
  error: { type: 'error', error: new BuildError('graph/failed', 'Cannot finish', { hint: 'Mend it' }) },
  result: { type: 'result', text: 'All done', data: { done: 2 } },
};

export function started(name: string): EventOf<'task-started'> {
  return { type: 'task-started', id: `build/${name}`, title: `Build ${name}`, because: { type: 'never-built' } };
}

export function ended(name: string, outcome: EventOf<'task-ended'>['outcome']): EventOf<'task-ended'> {
  return { type: 'task-ended', id: `build/${name}`, title: `Build ${name}`, outcome };
}

export function built(name: string): EventOf<'task-ended'> {
  return ended(name, { type: 'built', durationMs: 1234, cpuSeconds: 1, unchanged: false });
}

export function failed(name: string, error: Error, logTail: readonly string[] = []): EventOf<'task-ended'> {
  return ended(name, { type: 'failed', error, command: 'make all', logPath: `/store/logs/${name}.log`, logTail });
}
