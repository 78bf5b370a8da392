import type { BuildEvent } from '../graph/events.ts';
import type { TaskId } from '../graph/task.ts';
import { formatProgress, formatTimeLeft } from './format.ts';
import { Rate } from './rate.ts';
import { plainText } from './text.ts';

/** A task that runs now. */
export class Running {
  readonly title: string;
  readonly startedMs: number;
  readonly #rate = new Rate();
  #detail: (nowMs: number) => string = () => '';

  constructor(title: string, startedMs: number) {
    this.title = title;
    this.startedMs = startedMs;
  }

  /** Its last line, or how far it is. */
  detail(nowMs: number): string {
    return this.#detail(nowMs);
  }

  seeLine(line: string): void {
    const text = plainText(line).trim();
    if (text !== '') this.#detail = () => text;
  }

  seeProgress({ done, total, unit, note }: BuildEvent & { readonly type: 'task-progress' }, nowMs: number): void {
    this.#rate.see(done, nowMs);
    this.#detail = (atMs) => {
      const text = formatProgress({ done, total, unit, perSecond: this.#rate.perSecond(atMs) });
      return note === undefined ? text : `${text}; ${note}`;
    };
  }
}

/** What the events so far come to: the state both live readers show. */
export class Progress {
  readonly running = new Map<TaskId, Running>();
  #phase = '';
  #done = 0;
  #total = 0;
  /** When all will be done. */
  #endMs: number | undefined;

  see(event: BuildEvent, nowMs: number): void {
    switch (event.type) {
      case 'phase':
        this.#phase = event.title;
        this.#done = this.#total = 0;
        this.#endMs = undefined;
        break;
      case 'task-started':
        this.running.set(event.id, new Running(event.title, nowMs));
        break;
      case 'task-line':
        this.running.get(event.id)?.seeLine(event.line);
        break;
      case 'task-progress':
        this.running.get(event.id)?.seeProgress(event, nowMs);
        break;
      case 'task-ended':
        this.running.delete(event.id);
        // Estimates come less often than tasks end.
        this.#done += 1;
        break;
      case 'estimate':
        this.#done = event.done;
        this.#total = event.total;
        this.#endMs = event.secondsLeft === undefined ? undefined : nowMs + event.secondsLeft * 1000;
        break;
      default:
    }
  }

  /** `Build: 12 of 340, about 3 min 07 s left`. */
  summary(nowMs: number): string {
    const count = this.#total === 0 ? '' : `: ${this.#done} of ${this.#total}`;
    const left = this.#endMs === undefined ? '' : `, ${formatTimeLeft((this.#endMs - nowMs) / 1000)}`;
    return `${this.#phase}${count}${left}`;
  }
}
