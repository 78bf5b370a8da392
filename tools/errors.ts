/** Where in a text file a complaint belongs. Line and column count from 1. */
export interface Location {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `area/what-went-wrong`: stable for scripts and tests; the prose may change. */
export type ErrorCode =
  `${'cli' | 'config' | 'graph' | 'store' | 'sandbox' | 'sdk' | 'source' | 'package' | 'image' | 'vm' | 'secure-boot' | 'kit' | 'keys' | 'tuf' | 'aws' | 'vmware' | 'publish'}/${string}`;

export interface ErrorOptions {
  /** Imperative and runnable: what to type or change. Absent when there is nothing to do. */
  readonly hint?: string | undefined;
  readonly at?: Location | undefined;
  readonly cause?: unknown;
}

/**
 * What a user is told. `message` reads `Cannot <verb> <thing> "<name>": expected ..., got ...`, or `<program> exited with
 * status 2`, and never holds the text of its cause: whoever prints walks the chain. Anything else that escapes is a bug in Slipway.
 */
export class BuildError extends Error {
  override readonly name = 'BuildError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly at: Location | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.at = options.at;
  }
}

/** Several findings of one check, reported together. */
export class BuildErrors extends Error {
  override readonly name: string = 'BuildErrors';
  readonly errors: readonly BuildError[];

  constructor(errors: readonly BuildError[]) {
    super(errors.map((error) => error.message).join('\n'));
    this.errors = errors;
  }
}

/** What is there is not what was expected to be, and nothing else went wrong: the run ends with a status of its own. */
export class Drift extends BuildErrors {}

/** Throws nothing for none, the error for one, all of them together for several. */
export function throwAll(errors: readonly BuildError[]): void {
  const [first] = errors;
  if (first === undefined) return;
  throw errors.length === 1 ? first : new BuildErrors(errors);
}

/** Marks a branch that the types prove cannot be reached. */
export function unreachable(value: never): never {
  throw new TypeError(`Reached the unreachable: ${JSON.stringify(value)}`);
}
