import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';

import { z } from 'zod';

import type { Put } from './parameters.ts';
import { guard } from '../publish/journal.ts';

const lineSchema = z.union([
  z.strictObject({
    time: z.string(),
    change: z.string(),
    region: z.string(),
    puts: z.array(z.strictObject({ name: z.string(), before: z.string().nullable(), value: z.string().nullable() })),
  }),
  z.strictObject({ time: z.string(), undone: z.string() }),
]);

/** What one command changed, however often it had to be run. */
export interface Change {
  readonly id: string;
  readonly time: string;
  /** Region -> parameter -> its value before the first run and after the last. */
  readonly regions: ReadonlyMap<string, ReadonlyMap<string, Put>>;
}

/**
 * Values before they were changed: written before the change, so that no kill loses one. A command that goes on after a kill has the same
 * name, and its lines count as one change.
 */
export class SsmHistory {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  static nameOf(facts: unknown): string {
    return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16);
  }

  /** @throws BuildError publish/journal */
  add(change: string, region: string, puts: readonly Put[]): void {
    this.#append({ time: new Date().toISOString(), change, region, puts });
  }

  markUndone(change: string): void {
    this.#append({ time: new Date().toISOString(), undone: change });
  }

  /** The last change that has not been undone. */
  last(): Change | undefined {
    const open: OpenChange[] = [];
    for (const line of this.#lines()) {
      if ('change' in line) join(open, line);
      else if (open.at(-1)?.id === line.undone) open.pop();
    }
    return open.at(-1);
  }

  #lines(): z.output<typeof lineSchema>[] {
    if (!existsSync(this.#path)) return [];
    return readFileSync(this.#path, 'utf8')
      .split('\n')
      .flatMap((line) => {
        try {
          return [lineSchema.parse(JSON.parse(line))];
        } catch {
          // Cut off by a kill; what it announced was not begun.
          return [];
        }
      });
  }

  #append(line: object): void {
    guard(this.#path, () => {
      mkdirSync(dirname(this.#path), { recursive: true });
      appendFileSync(this.#path, `${JSON.stringify(line)}\n`, { flush: true });
    });
  }
}

type Line = Exclude<z.output<typeof lineSchema>, { undone: string }>;

interface OpenChange extends Change {
  readonly regions: Map<string, Map<string, Put>>;
}

/** Adds a line to the change it is part of, or begins one. */
function join(open: OpenChange[], { change: id, time, region, puts }: Line): void {
  const latest = open.at(-1);
  const change = latest?.id === id ? latest : { id, time, regions: new Map<string, Map<string, Put>>() };
  if (change !== latest) open.push(change);
  const known = change.regions.get(region) ?? new Map<string, Put>();
  for (const put of puts) {
    const first = known.get(put.name);
    known.set(put.name, first === undefined ? put : { ...put, before: first.before });
  }
  change.regions.set(region, known);
}
