import type { Cost } from './task.ts';

export interface Machine {
  readonly cores: number;
  readonly memoryMiB: number;
  /** Network tasks at once. */
  readonly transfers: number;
}

/** What one running task holds; give it back to `release`. */
export interface Grant {
  readonly cores: number;
  readonly load: number;
  readonly memoryMiB: number;
  readonly transfers: number;
}

/** Builds that share the machine when enough are ready: more would only be slower each. */
const MAX_SHARES = 4;

/**
 * Cores and memory as a budget that running tasks draw on. A build that may use n cores keeps about half of them busy over its life
 * (configure and link run on one), so it weighs n/2: on two cores two packages build side by side, each with two jobs.
 */
export class Budget {
  readonly #machine: Machine;
  #load = 0;
  #memoryMiB = 0;
  #transfers = 0;
  #running = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Undefined: it has to wait. A task that wants more memory than there is gets all of it, and so runs alone. */
  take(cost: Cost, waiting: number): Grant | undefined {
    if (cost.network === true) return this.#takeTransfer();
    const memoryMiB = Math.min(cost.memoryMiB, this.#machine.memoryMiB);
    const cores = this.#share(cost, waiting);
    const load = Math.max(1, cores / 2);
    const fits = this.#load + load <= this.#machine.cores && this.#memoryMiB + memoryMiB <= this.#machine.memoryMiB;
    if (!fits && this.#running > 0) return undefined;
    return this.#draw({ cores, load, memoryMiB, transfers: 0 });
  }

  release(grant: Grant): void {
    this.#load -= grant.load;
    this.#memoryMiB -= grant.memoryMiB;
    this.#transfers -= grant.transfers;
    if (grant.transfers === 0) this.#running -= 1;
  }

  #takeTransfer(): Grant | undefined {
    if (this.#transfers >= this.#machine.transfers) return undefined;
    return this.#draw({ cores: 1, load: 0, memoryMiB: 0, transfers: 1 });
  }

  #share(cost: Cost, waiting: number): number {
    const shares = Math.min(Math.max(this.#running + waiting, 1), MAX_SHARES);
    const fair = Math.max(2, Math.floor((2 * this.#machine.cores) / shares));
    return Math.max(1, Math.min(cost.cores, this.#machine.cores, fair));
  }

  #draw(grant: Grant): Grant {
    this.#load += grant.load;
    this.#memoryMiB += grant.memoryMiB;
    this.#transfers += grant.transfers;
    if (grant.transfers === 0) this.#running += 1;
    return grant;
  }
}
