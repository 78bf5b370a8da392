import type { BuildEvent, Outcome } from '../graph/events.ts';
import type { TaskId } from '../graph/task.ts';
import { formatError } from './errors.ts';
import { formatSeconds } from './format.ts';
import type { Paint } from './paint.ts';
import { plainText, redact } from './text.ts';

/** How lines are written for this run. */
export interface Voice {
  readonly paint: Paint;
  /** How the program was called, up to its verb: a command we print can be pasted. */
  readonly command: string;
}

type Ended = BuildEvent & { readonly type: 'task-ended' };
type Failed = Outcome & { readonly type: 'failed' };

/** How hints call the program: none of those who write them know how it was called this time. */
const PROGRAM = 'npx tsx Makefile.ts';
/** Titles of skipped tasks that are named; a failure at the bottom of a graph is in the way of hundreds. */
const NAMED = 2;

/** What stays to be read of a run, in a terminal and in a log alike. Nothing is said of tasks that had nothing to do. */
export class Story {
  readonly #voice: Voice;
  /** Failed task -> titles of what was skipped for it. */
  readonly #skipped = new Map<TaskId, string[]>();

  constructor(voice: Voice) {
    this.#voice = voice;
  }

  /** The lines an event adds. */
  tell(event: BuildEvent): readonly string[] {
    return this.#tell(event).map((line) => redact(line.replaceAll(PROGRAM, () => this.#voice.command)));
  }

  #tell(event: BuildEvent): string[] {
    const { paint } = this.#voice;
    switch (event.type) {
      case 'task-ended':
        return this.#ended(event);
      case 'phase-ended':
        return this.#takeSkipped();
      case 'warning':
        return [
          `${paint('yellow', 'warning:')} ${event.message}`,
          ...(event.hint === undefined ? [] : [`  ${paint('cyan', 'hint:')} ${event.hint}`]),
        ];
      case 'error':
        return [formatError(event.error, paint)];
      default:
        return [];
    }
  }

  #ended({ id, title, outcome }: Ended): string[] {
    const { paint } = this.#voice;
    switch (outcome.type) {
      case 'fresh':
        return [];
      case 'built': {
        const note = `in ${formatSeconds(outcome.durationMs / 1000)}${outcome.unchanged ? ', same result as before' : ''}`;
        return [`${paint('green', 'done')}  ${title} ${paint('dim', note)}`];
      }
      case 'skipped':
        if (outcome.because !== 'interrupted')
          this.#skipped.set(outcome.because, [...(this.#skipped.get(outcome.because) ?? []), title]);
        return [];
      case 'failed':
        return [`${paint('red', 'FAIL')}  ${title}`, ...this.#failed(id, outcome)];
    }
  }

  /** Why in one line, what was said last, where all of it is, and the way into the place where it happened. */
  #failed(id: TaskId, { error, logTail, logPath, command }: Failed): string[] {
    const { paint } = this.#voice;
    return [
      formatError(error, paint),
      ...logTail.map((line) => `  ${paint('dim', '|')} ${plainText(line)}`.trimEnd()),
      ...(logPath === undefined ? [] : [`  ${paint('cyan', 'log:')} ${logPath}`]),
      ...(command === undefined ? [] : [`  ${paint('cyan', 'shell:')} ${PROGRAM} shell ${id}`]),
    ];
  }

  #takeSkipped(): string[] {
    const { paint } = this.#voice;
    const lines = [...this.#skipped].map(([culprit, titles]) => {
      const named = titles.slice(0, titles.length > NAMED + 1 ? NAMED : titles.length);
      const rest = titles.length - named.length;
      const all = rest === 0 ? named.join(', ') : `${named.join(', ')} and ${rest} more`;
      return `${paint('yellow', 'skip')}  ${all}: needs ${culprit}`;
    });
    this.#skipped.clear();
    return lines;
  }
}
