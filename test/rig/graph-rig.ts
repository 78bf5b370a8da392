import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { removeTree } from '../../tools/graph/disk.ts';
import type { BuildEvent } from '../../tools/graph/events.ts';
import { runGraph, type GraphOptions, type GraphResult } from '../../tools/graph/scheduler.ts';
import { Store } from '../../tools/graph/store.ts';
import type { Cost, Json, Outputs, RunContext, Task } from '../../tools/graph/task.ts';

export interface FakeTaskOptions {
  readonly needs?: readonly Task[];
  readonly cost?: Partial<Cost>;
  /** What the task can see besides its needs. */
  readonly sees?: Json;
  /** Text of its one output, `out`; its id unless told. */
  readonly makes?: string;
  readonly run?: (context: RunContext) => Promise<void> | void;
}

/** A store of a test's own, and tasks whose runs are counted. */
export class GraphRig implements AsyncDisposable {
  readonly dir: string;
  readonly store: Store;
  /** Ids of tasks that ran, in the order in which they started. */
  readonly runs: string[] = [];
  readonly events: BuildEvent[] = [];

  private constructor(dir: string, store: Store) {
    this.dir = dir;
    this.store = store;
  }

  static async create(): Promise<GraphRig> {
    const dir = await mkdtemp(join(tmpdir(), 'slipway-graph-'));
    return new GraphRig(dir, await Store.open(join(dir, 'store')));
  }

  task(id: string, { needs = [], cost = {}, sees = null, makes = id, run }: FakeTaskOptions = {}): Task {
    return {
      id,
      title: `Make ${id}`,
      needs,
      cost: { cores: 1, memoryMiB: 1, ...cost },
      resolve: (inputs) => {
        const digests = needs.map((need) => inputs.output(need, 'out').digest.hash);
        return { key: { id, sees, needs: digests }, run: (context) => this.#run(id, { makes, run }, context) };
      },
    };
  }

  async build(targets: readonly Task[], options: Partial<GraphOptions> = {}): Promise<GraphResult> {
    this.runs.length = 0;
    this.events.length = 0;
    return await runGraph(targets, {
      store: this.store,
      sink: (event) => this.events.push(event),
      signal: new AbortController().signal,
      cores: 4,
      memoryMiB: 1000,
      ...options,
    });
  }

  async #run(
    id: string,
    { makes, run }: { makes: string; run: FakeTaskOptions['run'] },
    context: RunContext,
  ): Promise<Outputs> {
    this.runs.push(id);
    await run?.(context);
    return { out: this.store.putBytes(makes) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await removeTree(this.dir);
  }
}
