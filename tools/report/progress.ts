import type { BuildEvent } from '../graph/events.ts';
import type { TaskId } from '../graph/task.ts';
import { formatProgress } from './format.ts';

/** A task that runs now. */
export interface Running {
  readonly title: string;
  readonly startedMs: number;
  /** Its last line, or how far it is. */
  detail: string;
}

/** What the events so far come to: the state both live readers show. */
export class Progress {
  readonly running = new Map<TaskId, Running>();
  phase = '';
  done = 0;
  total = 0;
  secondsLeft: number | undefined;

  see(event: BuildEvent, nowMs: number): void {
    switch (event.type) {
      case 'phase':
        this.phase = event.title;
        this.running.clear();
        break;
      case 'task-started':
        this.running.set(event.id, { title: event.title, startedMs: nowMs, detail: '' });
        break;
      case 'task-line':
        this.#detail(event.id, event.line.trim());
        break;
      case 'task-progress':
        this.#detail(event.id, formatProgress(event.done, event.total, event.unit));
        break;
      case 'task-ended':
        this.running.delete(event.id);
        break;
      case 'estimate':
        this.done = event.done;
        this.total = event.total;
        this.secondsLeft = event.secondsLeft;
        break;
      default:
    }
  }

  #detail(id: TaskId, text: string): void {
    const task = this.running.get(id);
    if (task !== undefined && text !== '') task.detail = text;
  }
}
