import { setTimeout as sleep } from 'node:timers/promises';

export interface LaneLimits {
  readonly start: number;
  readonly ceiling: number;
}

const FIRST_GAP_MS = 50;
const LONGEST_GAP_MS = 2000;
/** Answers that were under way together are one sign of overload, not many. */
const CALM_MS = 500;

/**
 * How many calls of one kind may be under way: one more for every round that went well, half as many when the service throttles
 * (additive increase, multiplicative decrease). Once there is only one lane left, calls keep a distance, which shrinks again with success.
 */
export class Lanes {
  /** Answers that asked us to slow down. */
  throttles = 0;
  #limit: number;
  readonly #ceiling: number;
  #busy = 0;
  #gapMs = 0;
  #nextStartMs = 0;
  #lastCutMs = -Infinity;
  readonly #waiting: (() => void)[] = [];

  constructor({ start, ceiling }: LaneLimits) {
    this.#limit = start;
    this.#ceiling = ceiling;
  }

  get limit(): number {
    return Math.max(1, Math.floor(this.#limit));
  }

  /** Runs `work` as soon as a lane is free. Whoever waits before trying again does so outside. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    while (this.#busy >= this.limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#busy += 1;
    try {
      await this.#keepDistance();
      return await work();
    } finally {
      this.#busy -= 1;
      this.#wake();
    }
  }

  succeeded(): void {
    this.#limit = Math.min(this.#ceiling, this.#limit + 1 / this.#limit);
    this.#gapMs = this.#gapMs < FIRST_GAP_MS / 4 ? 0 : this.#gapMs * 0.9;
  }

  throttled(): void {
    this.throttles += 1;
    const nowMs = performance.now();
    if (nowMs - this.#lastCutMs < CALM_MS && this.#limit > 1) return;
    this.#lastCutMs = nowMs;
    if (this.#limit < 2) this.#gapMs = Math.min(LONGEST_GAP_MS, Math.max(FIRST_GAP_MS, this.#gapMs * 2));
    this.#limit = Math.max(1, this.#limit / 2);
  }

  async #keepDistance(): Promise<void> {
    if (this.#gapMs === 0) return;
    const nowMs = performance.now();
    const startMs = Math.max(nowMs, this.#nextStartMs);
    this.#nextStartMs = startMs + this.#gapMs;
    if (startMs > nowMs) await sleep(startMs - nowMs);
  }

  #wake(): void {
    for (let free = this.limit - this.#busy; free > 0 && this.#waiting.length > 0; free -= 1) this.#waiting.shift()?.();
  }
}
