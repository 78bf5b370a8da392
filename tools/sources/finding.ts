/** Why one address did not give the file. `transient` ones are worth another try at the same address. */
export type FindingType = 'absent' | 'refused' | 'web-page' | 'wrong-digest' | 'unreachable' | 'cut-off';

export class Finding extends Error {
  override readonly name = 'Finding';
  readonly type: FindingType;
  readonly transient: boolean;
  /** Asked for by the server before it is tried again. */
  readonly waitMs: number | undefined;

  constructor(
    type: FindingType,
    message: string,
    options: { transient?: boolean; waitMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.type = type;
    this.transient = options.transient ?? false;
    this.waitMs = options.waitMs;
  }
}

/** An address as a message may show it: user, password and query are nobody's business. */
export function printAddress(address: string): string {
  const url = new URL(address);
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?...'}`;
}
