import { endLines } from './lines.ts';
import { formatError, redact } from './errors.ts';
import { formatSeconds } from './format.ts';
import type { Paint } from './paint.ts';
import { Progress } from './progress.ts';
import type { Reporter, Streams } from './reporter.ts';

const HEARTBEAT_MS = 10_000;

/** One line as each task ends, and one every few seconds that says what runs: for logs and for CI. */
export function plainReporter({ out, err }: Streams, paint: Paint): Reporter {
  const progress = new Progress();
  const print = (lines: readonly string[]): void => lines.forEach((line) => void err.write(`${line}\n`));
  const heartbeat = setInterval(() => print(runningLine(progress)), HEARTBEAT_MS);
  heartbeat.unref();
  return {
    sink: (event) => {
      progress.see(event, Date.now());
      if (event.type === 'task-ended') print(endLines(event.id, event.title, { outcome: event.outcome, paint }));
      else if (event.type === 'warning')
        print([
          `${paint('yellow', 'warning:')} ${redact(event.message)}`,
          ...(event.hint === undefined ? [] : [`  hint: ${event.hint}`]),
        ]);
      else if (event.type === 'error') print([formatError(event.error, paint)]);
      else if (event.type === 'result') out.write(`${event.text}\n`);
    },
    close: () => {
      clearInterval(heartbeat);
      return Promise.resolve();
    },
  };
}

function runningLine({ running, done, total, secondsLeft }: Progress): string[] {
  if (running.size === 0) return [];
  const tasks = [...running.values()].map(
    (task) =>
      `${task.title} (${formatSeconds((Date.now() - task.startedMs) / 1000)}${task.detail === '' ? '' : `: ${redact(task.detail).slice(0, 60)}`})`,
  );
  const left = secondsLeft === undefined ? '' : `, about ${formatSeconds(secondsLeft)} left`;
  return [`[${done}/${total}${left}] ${tasks.join('; ')}`];
}
