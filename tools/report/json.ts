import type { BuildEvent } from '../graph/events.ts';
import { errorToJson } from './errors.ts';
import type { Reporter, Streams } from './reporter.ts';
import { redact } from './text.ts';

/** One event a line on stdout, in the shape of graph/events.ts, errors as `{code, message, hint, at, because}`. */
export function jsonReporter({ out }: Streams): Reporter {
  return {
    sink: (event) => void out.write(`${redact(JSON.stringify(toJson(event)))}\n`),
    close: () => {},
  };
}

function toJson(event: BuildEvent): unknown {
  const time = new Date().toISOString();
  switch (event.type) {
    case 'error':
      return { time, type: 'error', error: errorToJson(event.error) };
    case 'result':
      return { time, type: 'result', data: event.data };
    case 'task-ended':
      return event.outcome.type === 'failed'
        ? { time, ...event, outcome: { ...event.outcome, error: errorToJson(event.outcome.error) } }
        : { time, ...event };
    default:
      return { time, ...event };
  }
}
