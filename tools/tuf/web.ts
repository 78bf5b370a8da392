import { setTimeout as sleep } from 'node:timers/promises';

import { BuildError } from '../errors.ts';
import { readAtMost } from './place.ts';
import type { Found, Place, Stat } from './place.ts';

const ATTEMPTS = 4;
const FIRST_WAIT_MS = 250;
const TIMEOUT_MS = 30_000;

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
    const response = await this.#ask(path, 'GET');
    if (response === undefined) return undefined;
    const bytes = await readAtMost(response.body ?? emptyBody(), { address: this.#shown(path), maxBytes });
    return { bytes, etag: response.headers.get('etag') ?? undefined };
  }

  async stream(path: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const response = await this.#ask(path, 'GET');
    return response === undefined ? undefined : (response.body ?? emptyBody());
  }

  async stat(path: string): Promise<Stat | undefined> {
    const response = await this.#ask(path, 'HEAD');
    return response === undefined ? undefined : { size: Number(response.headers.get('content-length') ?? Number.NaN) };
  }

  list(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async #ask(path: string, method: 'GET' | 'HEAD'): Promise<Response | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#try(path, method);
      if (answer instanceof Response) {
        if (answer.ok) return answer;
        await answer.body?.cancel();
        if (answer.status === 404 || answer.status === 410) return undefined;
      }
      const transient = !(answer instanceof Response) || answer.status >= 500 || answer.status === 429;
      if (!transient || attempt === ATTEMPTS) throw this.#failure(path, answer);
      await sleep(FIRST_WAIT_MS * 2 ** (attempt - 1));
    }
  }

  async #try(path: string, method: 'GET' | 'HEAD'): Promise<Response | Error> {
    const headers = { 'user-agent': 'slipway', 'accept-encoding': 'identity' };
    try {
      return await fetch(new URL(path, this.#base), { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
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

async function* emptyBody(): AsyncGenerator<Uint8Array> {}
