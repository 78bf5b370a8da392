import { Listr } from 'listr2';

import { formatError, redact } from './errors.ts';
import { formatSeconds } from './format.ts';
import { endLines } from './lines.ts';
import type { Paint } from './paint.ts';
import { Progress } from './progress.ts';
import type { Reporter, Streams } from './reporter.ts';

const REFRESH_MS = 120;
/** Running tasks shown at once; a terminal is no taller than it is. */
const MAX_RUNNING = 12;

/**
 * Live display: the phase with its count and time left, below it each running task with its last line. Whatever must stay
 * (what was built, failures) is kept and printed above when a phase ends, since listr2 owns the screen while it runs.
 */
export function terminalReporter({ out, err }: Streams, paint: Paint): Reporter {
  const progress = new Progress();
  let live: Live | undefined;
  const print = (lines: readonly string[]): void => {
    if (live === undefined) lines.forEach((line) => void err.write(`${line}\n`));
    else live.keep.push(...lines);
  };
  const stop = async (): Promise<void> => {
    const ended = live;
    live = undefined;
    if (ended === undefined) return;
    await ended.stop();
    print(ended.keep);
  };
  let queue = Promise.resolve();
  return {
    sink: (event) => {
      progress.see(event, Date.now());
      if (event.type === 'phase' && live === undefined && event.tasks > 0) live = startLive(progress, paint);
      else if (event.type === 'task-ended') print(endLines(event.id, event.title, { outcome: event.outcome, paint }));
      else if (event.type === 'warning') print([`${paint('yellow', 'warning:')} ${redact(event.message)}`]);
      else if (event.type === 'error') queue = queue.then(stop).then(() => print([formatError(event.error, paint)]));
      else if (event.type === 'result') queue = queue.then(stop).then(() => void out.write(`${event.text}\n`));
    },
    close: async () => {
      await queue;
      await stop();
    },
  };
}

interface Live {
  readonly keep: string[];
  stop(): Promise<void>;
}

function startLive(progress: Progress, paint: Paint): Live {
  let release: () => void;
  const ended = new Promise<void>((resolve) => (release = resolve));
  const list = new Listr(
    [
      {
        title: progress.phase,
        task: async (_context, task) => {
          const refresh = setInterval(() => {
            task.title = headline(progress);
            task.output = runningLines(progress, paint).join('\n');
          }, REFRESH_MS);
          await ended;
          clearInterval(refresh);
          task.title = headline(progress);
        },
        rendererOptions: { outputBar: MAX_RUNNING },
      },
    ],
    { registerSignalListeners: false },
  );
  const done = list.run();
  return {
    keep: [],
    stop: async () => {
      release();
      await done;
    },
  };
}

function headline({ phase, done, total, secondsLeft }: Progress): string {
  const left = secondsLeft === undefined ? '' : `, about ${formatSeconds(secondsLeft)} left`;
  return `${phase}: ${done} of ${total}${left}`;
}

function runningLines({ running }: Progress, paint: Paint): string[] {
  const now = Date.now();
  return [...running.values()].slice(0, MAX_RUNNING).map(({ title, startedMs, detail }) => {
    const time = formatSeconds((now - startedMs) / 1000).padStart(12);
    return `${paint('dim', time)}  ${title}  ${paint(
      'dim',
      redact(detail)
        .replaceAll(/[^\u0020-\u{10FFFF}]/gu, ' ')
        .slice(0, 80),
    )}`;
  });
}
