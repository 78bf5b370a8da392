import { formatWholeSeconds } from './format.ts';
import { Progress } from './progress.ts';
import type { Running } from './progress.ts';
import type { Reporter, Streams } from './reporter.ts';
import { Story } from './story.ts';
import type { Voice } from './story.ts';
import { redact } from './text.ts';

const HEARTBEAT_MS = 10_000;
/** A log is read in full: a task's last line needs no more of it than tells where it is. */
const MAX_DETAIL = 90;

/** One line as each task ends, and one every few seconds that says what runs: for logs and for CI. */
export function plainReporter({ out, err }: Streams, voice: Voice): Reporter {
  const progress = new Progress();
  const story = new Story(voice);
  const print = (lines: readonly string[]): void => lines.forEach((line) => void err.write(`${line}\n`));
  const heartbeat = setInterval(() => print(whatRuns(progress, Date.now())), HEARTBEAT_MS);
  heartbeat.unref();
  return {
    sink: (event) => {
      progress.see(event, Date.now());
      print(story.tell(event));
      if (event.type === 'result') out.write(`${redact(event.text)}\n`);
    },
    close: () => clearInterval(heartbeat),
  };
}

function whatRuns(progress: Progress, nowMs: number): string[] {
  if (progress.running.size === 0) return [];
  const tasks = [...progress.running.values()].map((task) => describeTask(task, nowMs));
  return [redact(`[${progress.summary(nowMs)}] ${tasks.join('; ')}`)];
}

function describeTask(task: Running, nowMs: number): string {
  const time = formatWholeSeconds((nowMs - task.startedMs) / 1000);
  const detail = task.detail(nowMs).slice(0, MAX_DETAIL);
  return `${task.title} (${time}${detail === '' ? '' : `: ${detail}`})`;
}
