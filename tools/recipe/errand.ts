import type { EventSink } from '../graph/events.ts';

export type OnProgress = (done: number, total: number) => void;

/** Work that is no task, for it reaches outside: told as one is, so that whoever waits sees what it does and how far it is. */
export async function runErrand<T>(
  sink: EventSink,
  { id, title, unit }: { id: string; title: string; unit: 'bytes' | 'items' },
  work: (onProgress: OnProgress) => Promise<T>,
): Promise<T> {
  const started = performance.now();
  sink({ type: 'phase', title, tasks: 1 });
  sink({ type: 'task-started', id, title, because: { type: 'never-built' } });
  const tell = (outcome: 'built' | 'skipped'): void => {
    const durationMs = performance.now() - started;
    const how =
      outcome === 'built'
        ? ({ type: 'built', durationMs, cpuSeconds: 0, unchanged: false } as const)
        : ({ type: 'skipped', because: 'interrupted' } as const);
    sink({ type: 'task-ended', id, title, outcome: how });
    sink({ type: 'phase-ended', title });
  };
  try {
    const result = await work((done, total) => sink({ type: 'task-progress', id, done, total, unit }));
    tell('built');
    return result;
  } catch (error) {
    tell('skipped');
    throw error;
  }
}
