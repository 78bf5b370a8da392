import { setImmediate } from 'node:timers/promises';

const TURN_MS = 15;

/** Long synchronous work stays interruptible: every few milliseconds signals, timers and the display get their turn. */
export class Pacer {
  #since = performance.now();

  /** True when a turn is due; then await `pause()`. Apart, so that the common case costs no promise. */
  get due(): boolean {
    return performance.now() - this.#since > TURN_MS;
  }

  async pause(): Promise<void> {
    await setImmediate();
    this.#since = performance.now();
  }
}
