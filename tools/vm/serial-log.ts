import { StringDecoder } from 'node:string_decoder';

// eslint-disable-next-line no-control-regex -- terminals are told what to do in control characters
const ESCAPES = /\u001B(?:\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[A-Za-z=>])/g;
// eslint-disable-next-line no-control-regex
const UNFINISHED_ESCAPE = /\u001B[^A-Za-z]*$/;

/**
 * What came over a serial line, as text without terminal control. A reader goes through it once: each search begins behind what the
 * last one found, so that the prompt of an earlier boot is not taken for that of the next.
 */
export class SerialLog {
  readonly #decoder = new StringDecoder('utf8');
  readonly #listeners = new Set<() => void>();
  #text = '';
  #unfinished = '';
  #read = 0;

  append(chunk: Buffer): void {
    const text = this.#unfinished + this.#decoder.write(chunk);
    this.#unfinished = UNFINISHED_ESCAPE.exec(text)?.[0] ?? '';
    const finished = text.slice(0, text.length - this.#unfinished.length);
    this.#text += finished.replaceAll(ESCAPES, '').replaceAll('\r', '');
    for (const listener of this.#listeners) listener();
  }

  get text(): string {
    return this.#text;
  }

  tail(lines: number): string {
    return this.#text.trimEnd().split('\n').slice(-lines).join('\n');
  }

  /** The next match of what was not read yet, which then counts as read. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    const match = pattern.exec(this.#text.slice(this.#read));
    if (match === null) return undefined;
    this.#read += match.index + match[0].length;
    return match;
  }

  /** Waits for a match; undefined when `signal` came first. */
  async wait(pattern: RegExp, signal: AbortSignal): Promise<RegExpExecArray | undefined> {
    const { promise, resolve } = Promise.withResolvers<RegExpExecArray | undefined>();
    const look = (): void => {
      const match = this.take(pattern);
      if (match !== undefined || signal.aborted) resolve(match);
    };
    this.#listeners.add(look);
    signal.addEventListener('abort', look);
    look();
    const match = await promise;
    this.#listeners.delete(look);
    signal.removeEventListener('abort', look);
    return match;
  }
}
