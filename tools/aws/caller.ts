import { setTimeout as sleep } from 'node:timers/promises';

import { BuildError } from '../errors.ts';
import type { Lanes } from './lanes.ts';
import { errorName, judge } from './verdict.ts';
import type { Verdict } from './verdict.ts';

export interface CallOptions {
  /** `ec2:DescribeImages`: the action as IAM knows it, also in messages. */
  readonly action: string;
  readonly region: string;
  readonly lanes: Lanes;
  /** Judges an error before the general rule does; undefined leaves it to that. */
  readonly judge?: (error: unknown) => Verdict | undefined;
}

export interface Patience {
  /** No answer within this: the attempt is given up. */
  readonly attemptMs: number;
  /** From the first attempt; after this an error that would be tried again is final. */
  readonly totalMs: number;
}

export const PATIENCE: Patience = { attemptMs: 20_000, totalMs: 120_000 };

/** However long they took. */
const FEWEST_TRIES = 3;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;

/**
 * The one layer that tries again: the SDK's own is off, so that tries do not multiply. Each attempt has a time limit, and waits
 * between attempts are drawn at random below a bound that doubles.
 */
export class Caller {
  readonly #signal: AbortSignal;
  readonly #patience: Patience;

  constructor(signal: AbortSignal, patience: Patience) {
    this.#signal = signal;
    this.#patience = patience;
  }

  get signal(): AbortSignal {
    return this.#signal;
  }

  /**
   * @throws BuildError aws/call-failed, whose cause is the service's error
   */
  async call<T>(options: CallOptions, attempt: (handler: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    for (let tries = 1; ; tries += 1) {
      this.#signal.throwIfAborted();
      try {
        const result = await options.lanes.run(() => this.#attempt(attempt));
        options.lanes.succeeded();
        return result;
      } catch (error) {
        this.#signal.throwIfAborted();
        const verdict = options.judge?.(error) ?? judge(error);
        if (verdict === 'throttled') options.lanes.throttled();
        const waitMs = Math.random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries);
        const late = performance.now() + waitMs - startedMs > this.#patience.totalMs;
        const over = late && tries >= FEWEST_TRIES;
        if (verdict === 'fatal' || over) throw callFailed(options, { error, tries, verdict });
        await sleep(waitMs, undefined, { signal: this.#signal });
      }
    }
  }

  /**
   * A timer of its own that ends with the attempt: AbortSignal.timeout() would keep whatever listens to it, the block that is sent
   * included, until its time has come.
   */
  async #attempt<T>(attempt: (handler: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    const { attemptMs } = this.#patience;
    const controller = new AbortController();
    const late = new DOMException(`no answer within ${attemptMs / 1000} s`, 'TimeoutError');
    const timer = setTimeout(() => controller.abort(late), attemptMs);
    const interrupt = (): void => controller.abort();
    this.#signal.addEventListener('abort', interrupt, { once: true });
    try {
      return await attempt({ abortSignal: controller.signal });
    } catch (error) {
      throw controller.signal.reason === late ? late : error;
    } finally {
      clearTimeout(timer);
      this.#signal.removeEventListener('abort', interrupt);
    }
  }
}

function callFailed(
  { action, region }: CallOptions,
  { error, tries, verdict }: { error: unknown; tries: number; verdict: Verdict },
): BuildError {
  const often = verdict === 'fatal' ? '' : ` after ${tries} tries`;
  const message = `Cannot call ${action} in ${region}${often}: ${describe(error)}`;
  return new BuildError('aws/call-failed', message, { cause: error, hint: HINTS.get(errorName(error))?.(action) });
}

/** The SDK gives some errors an empty message. */
function describe(error: unknown): string {
  const name = errorName(error);
  return name === '' || name === 'Error' ? 'no answer' : name;
}

const denied = (action: string): string =>
  `Allow ${action} in the policy of this role: docs/ami.md has the policy of each verb`;
const expired = (): string => 'Sign in again (aws sso login), then run the same command: what was done is kept';

const full = (): string =>
  'Remove what is not needed, or ask for more in Service Quotas; then run the same command: what was done is kept';

const HINTS: ReadonlyMap<string, (action: string) => string> = new Map([
  ['AccessDenied', denied],
  ['AccessDeniedException', denied],
  ['UnauthorizedOperation', denied],
  ['ExpiredToken', expired],
  ['ExpiredTokenException', expired],
  ['RequestExpired', expired],
  ['PendingSnapshotLimitExceeded', () => 'Run the same command again when fewer snapshots are under way'],
  ['ResourceLimitExceeded', () => 'Run the same command again when fewer copies are under way'],
  ['ServiceQuotaExceededException', full],
  ['SnapshotLimitExceeded', full],
  ['CredentialsProviderError', () => 'Set AWS_PROFILE or aws.profile in Infra.yaml, or sign in (aws sso login)'],
]);

/** The name of the service's error below a failed call. */
export function serviceError(error: unknown): string {
  return error instanceof BuildError && error.code === 'aws/call-failed' ? errorName(error.cause) : '';
}
