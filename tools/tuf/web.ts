import { setTimeout as sleep } from 'node:timers/promises';

import { BuildError } from '../errors.ts';
import { readAtMost } from './place.ts';
import type { Found, Place, Stat } from './place.ts';

const ATTEMPTS = 4;
const FIRST_WAIT_MS = 250;
const STALL_MS = 30_000;

/** A repository on a web server, for reading. 404 and 410 mean that a file is not there; 403 does not. */
export class WebPlace implements Place {
  readonly address: string;
  readonly #base: string;

  constructor(base: string) {
    this.#base = base.endsWith('/') ? base : `${base}/`;
    const { origin, pathname } = new URL(this.#base);
    this.address = `${origin}${pathname}`;
  }

  async read(path: string, maxBytes: number): Promise<Found | undefined> {
    const answer = await this.#ask(path, 'GET');
    if (answer === undefined) return undefined;
    const bytes = await readAtMost(this.#body(path, answer), { address: this.#shown(path), maxBytes });
    return { bytes, etag: answer.response.headers.get('etag') ?? undefined };
  }

  async stream(path: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const answer = await this.#ask(path, 'GET');
    return answer === undefined ? undefined : this.#body(path, answer);
  }

  async stat(path: string): Promise<Stat | undefined> {
    const answer = await this.#ask(path, 'HEAD');
    if (answer === undefined) return undefined;
    answer.stall.end();
    return { size: Number(answer.response.headers.get('content-length') ?? Number.NaN) };
  }

  list(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async #ask(path: string, method: 'GET' | 'HEAD'): Promise<Answer | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      const stall = new Stall();
      const response = await this.#try(path, method, stall);
      if (response instanceof Response && response.ok) return { response, stall };
      const status = response instanceof Response ? response.status : undefined;
      if (response instanceof Response) await response.body?.cancel();
      stall.end();
      if (status === 404 || status === 410) return undefined;
      if (!isTransient(status) || attempt === ATTEMPTS) throw this.#failure(path, response);
      await sleep(FIRST_WAIT_MS * 2 ** (attempt - 1));
    }
  }

  async #try(path: string, method: 'GET' | 'HEAD', { signal }: Stall): Promise<Response | Error> {
    const headers = { 'user-agent': 'slipway', 'accept-encoding': 'identity' };
    try {
      return await fetch(new URL(path, this.#base), { method, headers, signal });
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** However long it takes: only what stands still is given up. */
  async *#body(path: string, { response, stall }: Answer): AsyncGenerator<Uint8Array> {
    try {
      const chunks: AsyncIterable<Uint8Array> | readonly Uint8Array[] = response.body ?? [];
      for await (const chunk of chunks) {
        stall.restart();
        yield chunk;
      }
    } catch (error) {
      const finding = stall.signal.aborted
        ? `nothing came for ${STALL_MS / 1000} s`
        : 'the connection ended in the middle';
      throw new BuildError('tuf/unreachable', `Cannot read ${this.#shown(path)}: ${finding}`, {
        cause: error instanceof Error ? (error.cause ?? error) : error,
      });
    } finally {
      stall.end();
    }
  }

  #shown(path: string): string {
    return `${this.address}${path}`;
  }

  #failure(path: string, answer: Response | Error): BuildError {
    if (answer instanceof Error)
      return new BuildError('tuf/unreachable', `Cannot read ${this.#shown(path)}`, { cause: answer.cause ?? answer });
    return new BuildError('tuf/refused', `Cannot read ${this.#shown(path)}: the server answered ${answer.status}`);
  }
}

/** Of a server, or of the way to it. */
function isTransient(status: number | undefined): boolean {
  return status === undefined || status >= 500 || status === 429;
}

interface Answer {
  readonly response: Response;
  readonly stall: Stall;
}

/** Ends a request through which nothing comes any more. */
class Stall {
  readonly #controller = new AbortController();
  readonly #timer = setTimeout(() => this.#controller.abort(), STALL_MS);

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
