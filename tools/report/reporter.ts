import type { EventSink } from '../graph/events.ts';
import { jsonReporter } from './json.ts';
import { makePaint } from './paint.ts';
import { plainReporter } from './plain.ts';
import { terminalReporter } from './terminal.ts';

/** Where a reporter writes: results to `out`, everything else to `err`. */
export interface Streams {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
}

export interface Reporter {
  readonly sink: EventSink;
  /** Ends live display; nothing is printed afterwards. */
  close(): void;
}

export interface ReporterOptions {
  readonly json: boolean;
  readonly colour: boolean;
  /** How the program was called, up to its verb. */
  readonly command: string;
  readonly streams: Streams;
}

/** JSON where asked for, live display on a terminal, plain lines elsewhere. */
export function makeReporter({ json, colour, command, streams }: ReporterOptions): Reporter {
  if (json) return jsonReporter(streams);
  const voice = { paint: makePaint(colour), command };
  return streams.err.isTTY ? terminalReporter(streams, voice) : plainReporter(streams, voice);
}
