import { formatTable, formatWholeSeconds } from './format.ts';
import type { Live, Picture } from './live.ts';
import type { Paint } from './paint.ts';
import { Progress } from './progress.ts';
import type { Reporter, Streams } from './reporter.ts';
import { Story } from './story.ts';
import type { Voice } from './story.ts';
import { redact } from './text.ts';

/** Lines that are not a running task: the headline, and the one the cursor stands on. */
const OTHER_LINES = 2;
/** Running tasks shown at once, however tall the terminal. */
const MAX_RUNNING = 16;

/**
 * Live display: the phase with its count and time left, below it each running task with its last line; above, for good, what has
 * ended. It is there only while a phase has something to run, so that whoever needs the terminal afterwards finds it free.
 */
export function terminalReporter({ out, err }: Streams, voice: Voice): Reporter {
  const progress = new Progress();
  const story = new Story(voice);
  let wanted = false;
  let live: Live | undefined;
  const start = async (): Promise<void> => {
    wanted = true;
    // Only a run that has something to do pays for loading it.
    const { startLive } = await import('./live.ts');
    if (wanted) live ??= startLive(err, voice.paint, () => drawProgress(progress, err, voice.paint));
  };
  const end = (): void => {
    wanted = false;
    live?.end();
    live = undefined;
  };
  const print = (lines: readonly string[]): void => {
    if (lines.length === 0) return;
    const text = lines.map((line) => `${line}\n`).join('');
    if (live === undefined) err.write(text);
    else live.print(text);
  };
  return {
    sink: (event) => {
      progress.see(event, Date.now());
      if (event.type === 'task-started' && !wanted) void start();
      if (event.type === 'phase-ended' || event.type === 'result' || event.type === 'error') end();
      print(story.tell(event));
      if (event.type === 'result') out.write(`${redact(event.text)}\n`);
    },
    close: end,
  };
}

/** As many of the running tasks as the terminal has room for; listr2 cuts what is too long for a line. */
export function drawProgress(progress: Progress, stream: Pick<NodeJS.WriteStream, 'rows'>, paint: Paint): Picture {
  const nowMs = Date.now();
  const tasks = [...progress.running.values()];
  const room = Math.max(1, Math.min(stream.rows - OTHER_LINES, MAX_RUNNING));
  const shown = tasks.slice(0, tasks.length > room ? room - 1 : room);
  const rest = tasks.length - shown.length;
  const rows = shown.map((task) => [
    task.title,
    formatWholeSeconds((nowMs - task.startedMs) / 1000),
    paint('dim', redact(task.detail(nowMs))),
  ]);
  const more = rest === 0 ? '' : `\nand ${rest} more`;
  return { title: progress.summary(nowMs), text: formatTable(rows) + more };
}
