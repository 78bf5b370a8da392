/** Speed is that of the last one or two of these: long enough to be calm, short enough to tell that a transfer has stalled. */
const WINDOW_MS = 3000;
/** Before this much has passed, a speed would be a guess. */
const FIRST_MS = 1000;

interface Sample {
  readonly done: number;
  readonly atMs: number;
}

/** How fast a transfer is, from how far it was when. */
export class Rate {
  #oldest: Sample | undefined;
  #middle: Sample | undefined;
  #done = 0;

  see(done: number, atMs: number): void {
    // A transfer that begins anew has no speed yet.
    if (this.#oldest === undefined || done < this.#done) this.#oldest = this.#middle = { done, atMs };
    else if (this.#middle !== undefined && atMs - this.#middle.atMs > WINDOW_MS) {
      this.#oldest = this.#middle;
      this.#middle = { done, atMs };
    }
    this.#done = done;
  }

  perSecond(nowMs: number): number | undefined {
    if (this.#oldest === undefined) return undefined;
    const elapsed = nowMs - this.#oldest.atMs;
    return elapsed < FIRST_MS ? undefined : ((this.#done - this.#oldest.done) / elapsed) * 1000;
  }
}
