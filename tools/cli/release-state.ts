import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { z } from 'zod';

export const RELEASE_STEPS = ['build', 'repo', 'publish', 'ami', 'share', 'ssm', 'promote'] as const;
export type ReleaseStep = (typeof RELEASE_STEPS)[number];

const stateSchema = z.object({ image: z.string(), done: z.partialRecord(z.enum(RELEASE_STEPS), z.string()) });

/** Which steps of a release are done, in a file: a run that was killed or failed goes on after them. Another image begins anew. */
export class ReleaseState {
  readonly #path: string;
  #state: z.output<typeof stateSchema>;

  private constructor(path: string, state: z.output<typeof stateSchema>) {
    this.#path = path;
    this.#state = state;
  }

  /** `image`: what tells it from any other, its bytes included. */
  static open(path: string, image: string): ReleaseState {
    const known = readState(path);
    return new ReleaseState(path, known?.image === image ? known : { image, done: {} });
  }

  doneAt(step: ReleaseStep): string | undefined {
    return this.#state.done[step];
  }

  mark(step: ReleaseStep): void {
    this.#state = { ...this.#state, done: { ...this.#state.done, [step]: new Date().toISOString() } };
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(`${this.#path}.part`, `${JSON.stringify(this.#state, undefined, 2)}\n`);
    renameSync(`${this.#path}.part`, this.#path);
  }
}

function readState(path: string): z.output<typeof stateSchema> | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return stateSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // All that it says can be found out again by doing it again.
    return undefined;
  }
}
