import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

import type { Output, RunContext } from '../graph/task.ts';
import type { Action, ActionInput } from '../sandbox/action.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { FetchedPackage } from './packages.ts';
import type { Request } from './request.ts';

export interface UnpackOptions {
  readonly packages: readonly FetchedPackage[];
  readonly request: Request;
  /** Root with the programs that unpack. */
  readonly first: Output;
  readonly sandbox: Sandbox;
}

const IN = '/slipway/in';

const SCRIPT = readFileSync(new URL('unpack.sh', import.meta.url), 'utf8');

/** Unpacks packages one over the other with dpkg-deb, which sees nothing but them and the new root. */
export async function unpackAll(options: UnpackOptions, context: RunContext): Promise<Output> {
  const { root } = await options.sandbox.run(unpackAction(options), new UnpackContext(context, options.packages));
  if (root === undefined) throw new TypeError('the sandbox gives every output that was named');
  return root;
}

/** Largest first: one that begins last would be waited for alone. */
function unpackAction({ packages, request, first }: UnpackOptions): Action {
  const [base, others] = [true, false].map((isBase) =>
    packages.filter(({ name }) => (name === 'base-files') === isBase),
  );
  const order = [...(base ?? []), ...(others ?? []).toSorted((a, b) => b.deb.digest.size - a.deb.digest.size)];
  const jobs = String(Math.min(4, availableParallelism()));
  return {
    argv: ['bash', '-c', SCRIPT, 'unpack.sh', jobs, ...order.map(({ file }) => file)],
    env: {},
    layers: [first],
    inputs: {
      ...Object.fromEntries(packages.map(({ file, deb }) => [`${IN}/${file}`, deb])),
      [`${IN}/drop`]: lines(request.drop.map((pattern) => [`./${pattern}`])),
      [`${IN}/links`]: lines(Object.entries(request.links)),
      [`${IN}/join`]: lines(Object.entries(request.join).map(([path, { below, suffix }]) => [path, below, suffix])),
    },
    outputs: { type: 'named', names: { root: 'tree' } },
  };
}

function lines(rows: readonly (readonly string[])[]): ActionInput {
  return { type: 'text', text: rows.map((row) => `${row.join('\t')}\n`).join('') };
}

/** Turns the names of packages, which the script prints as they are done, into progress. */
class UnpackContext implements RunContext {
  readonly signal: AbortSignal;
  readonly cores: number;
  readonly #inner: RunContext;
  readonly #names: ReadonlySet<string>;
  #done = 0;

  constructor(inner: RunContext, packages: readonly FetchedPackage[]) {
    this.signal = inner.signal;
    this.cores = inner.cores;
    this.#inner = inner;
    this.#names = new Set(packages.map(({ file }) => file));
  }

  get workDir(): string {
    return this.#inner.workDir;
  }

  log(line: string): void {
    if (!this.#names.has(line)) return this.#inner.log(line);
    this.#done += 1;
    this.#inner.progress(this.#done, this.#names.size, 'items');
  }

  progress(done: number, total: number, unit: 'bytes' | 'items'): void {
    this.#inner.progress(done, total, unit);
  }

  addCpuSeconds(seconds: number): void {
    this.#inner.addCpuSeconds(seconds);
  }
}
