import type { Command } from 'commander';

import { BuildError, Drift } from '../errors.ts';
import type { EventSink } from '../graph/events.ts';
import { askLine } from '../report/ask.ts';
import { makeReporter } from '../report/reporter.ts';
import type { Host } from './host.ts';
import { invocation } from './invocation.ts';

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
  /** How the program was called, up to its verb. */
  readonly command: string;
  readonly sink: EventSink;
  /** Ends with the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** The verb's product: text for people, data for --json. */
  readonly result: (text: string, data: unknown) => void;
  /** A passphrase or PIN; undefined where there is no terminal. */
  readonly askSecret: (question: string) => Promise<string | undefined>;
  /** Goes on only after a yes. @throws BuildError cli/not-confirmed */
  readonly confirm: (question: string) => Promise<void>;
}

export type Verb = (program: Command, run: RunVerb) => void;

/** Runs a verb's work: reports what it throws and remembers the exit status. */
export type RunVerb = (work: (session: Session) => Promise<void>) => Promise<void>;

export const EXIT = { ok: 0, failed: 1, drift: 2, interrupted: 130 } as const;

export async function runSession(
  host: Host,
  globals: Globals,
  work: (session: Session) => Promise<void>,
): Promise<number> {
  const command = invocation(host, globals.directory);
  const reporter = makeReporter({
    json: globals.json,
    colour: host.colour && globals.color,
    command,
    streams: host.streams,
  });
  const controller = new AbortController();
  const interrupt = (): void => controller.abort();
  // Not once(): the live display has a listener of its own, which ends the process if it finds itself the only one.
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  // Whoever read us is gone, as after `| head`: that ends a run in the same way.
  for (const stream of [host.streams.out, host.streams.err]) stream.on('error', interrupt);
  const result = (text: string, data: unknown): void => reporter.sink({ type: 'result', text, data });
  const terminal = { input: host.input, output: host.streams.err };
  try {
    await work({
      host,
      globals,
      command,
      sink: reporter.sink,
      signal: controller.signal,
      result,
      askSecret: (question) => askLine(question, terminal, 'hidden'),
      confirm: async (question) => assertYes(await askLine(`${question} [y/N] `, terminal, 'shown'), question),
    });
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
    return error instanceof Drift ? EXIT.drift : EXIT.failed;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    reporter.close();
  }
}

function assertYes(answer: string | undefined, question: string): void {
  if (answer !== undefined && /^y(es)?$/i.test(answer.trim())) return;
  const unasked = `there is no terminal to ask at: ${question.replaceAll('\n', ' ')}`;
  const finding = answer === undefined ? unasked : 'it was not confirmed';
  throw new BuildError('cli/not-confirmed', `Cannot go on: ${finding}`, {
    hint: 'To go on without being asked, add --yes',
  });
}
