import type { Command } from 'commander';

import type { EventSink } from '../graph/events.ts';
import { makeReporter } from '../report/reporter.ts';
import type { Host } from './host.ts';

/** Flags every verb takes. */
export interface Globals {
  readonly json: boolean;
  readonly color: boolean;
  readonly directory: string;
}

/** One run of one verb. */
export interface Session {
  readonly host: Host;
  readonly globals: Globals;
  readonly sink: EventSink;
  /** Ends with the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** The verb's product: text for people, data for --json. */
  readonly result: (text: string, data: unknown) => void;
}

export type Verb = (program: Command, run: RunVerb) => void;

/** Runs a verb's work: reports what it throws and remembers the exit status. */
export type RunVerb = (work: (session: Session) => Promise<void>) => Promise<void>;

export const EXIT = { ok: 0, failed: 1, interrupted: 130 } as const;

export async function runSession(
  host: Host,
  globals: Globals,
  work: (session: Session) => Promise<void>,
): Promise<number> {
  const reporter = await makeReporter({
    json: globals.json,
    colour: host.colour && globals.color,
    streams: host.streams,
  });
  const controller = new AbortController();
  const interrupt = (): void => controller.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const result = (text: string, data: unknown): void => reporter.sink({ type: 'result', text, data });
  try {
    await work({ host, globals, sink: reporter.sink, signal: controller.signal, result });
    return EXIT.ok;
  } catch (error) {
    if (controller.signal.aborted) {
      reporter.sink({
        type: 'warning',
        message: 'Interrupted; what was done is kept, and the next run goes on from there',
      });
      return EXIT.interrupted;
    }
    reporter.sink({ type: 'error', error });
    return EXIT.failed;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await reporter.close();
  }
}
