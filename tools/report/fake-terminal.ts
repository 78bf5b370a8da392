import { Writable } from 'node:stream';

/** One thing a program writes to a terminal: a control sequence, or a character. */
// oxlint-disable-next-line no-control-regex -- it is what is looked for
const PIECE = /\u001B\[(?<marks>[?\d;]*)(?<verb>[A-Za-z])|[^]/gu;

/** As much of a terminal as tests of the live display need: what was written, as a person finds it by scrolling up. */
export class FakeTerminal extends Writable {
  readonly isTTY = true;
  readonly columns: number;
  readonly rows: number;
  /** All that was written. */
  raw = '';
  cursor: 'shown' | 'hidden' = 'shown';
  #lines = [''];
  #row = 0;
  #column = 0;

  constructor({ columns = 80, rows = 24 } = {}) {
    super({ decodeStrings: false });
    this.columns = columns;
    this.rows = rows;
  }

  /** The same, as programs take it. */
  get stream(): NodeJS.WriteStream {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a terminal has more to it than anybody asks for here
    return this as unknown as NodeJS.WriteStream;
  }

  get text(): string {
    return this.#lines
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd();
  }

  override _write(chunk: unknown, _encoding: string, done: () => void): void {
    const text = String(chunk);
    this.raw += text;
    for (const { 0: piece, groups } of text.matchAll(PIECE))
      this.#put(piece, groups?.['verb'], groups?.['marks'] ?? '');
    done();
  }

  #put(piece: string, verb: string | undefined, marks: string): void {
    if (piece === '\n') this.#newLine();
    else if (verb === undefined) this.#write(piece);
    else this.#verbs[verb]?.(marks);
  }

  /** What control sequences do, by their last letter; the others do nothing here. */
  readonly #verbs: Readonly<Record<string, (marks: string) => void>> = {
    A: (marks) => (this.#row = Math.max(this.#lines.length - this.rows, 0, this.#row - Number(marks || 1))),
    B: (marks) => (this.#row += Number(marks || 1)),
    G: () => (this.#column = 0),
    J: () => {
      this.#lines.length = this.#row + 1;
      this.#set(this.#line.slice(0, this.#column));
    },
    K: (marks) => this.#set(marks === '2' ? '' : this.#line.slice(0, this.#column)),
    h: (marks) => this.#show(marks, 'shown'),
    l: (marks) => this.#show(marks, 'hidden'),
  };

  #show(marks: string, cursor: 'shown' | 'hidden'): void {
    if (marks === '?25') this.cursor = cursor;
  }

  get #line(): string {
    return this.#lines[this.#row] ?? '';
  }

  #set(line: string): void {
    this.#lines[this.#row] = line;
  }

  #write(character: string): void {
    if (this.#column === this.columns) this.#newLine();
    const line = this.#line.padEnd(this.#column);
    this.#set(line.slice(0, this.#column) + character + line.slice(this.#column + 1));
    this.#column += 1;
  }

  #newLine(): void {
    this.#row += 1;
    this.#column = 0;
    if (this.#row === this.#lines.length) this.#lines.push('');
  }
}
