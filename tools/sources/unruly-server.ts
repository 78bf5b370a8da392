import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answer = (request: IncomingMessage, response: ServerResponse, server: UnrulyServer) => void;

/** A server on loopback that answers as a test says: each path has a list of answers, and the last one stays. */
export class UnrulyServer implements AsyncDisposable {
  /** `GET /path`, or `GET /path from 100` for a range. */
  readonly requests: string[] = [];
  readonly #hangUps: { readonly done: number; readonly response: ServerResponse }[] = [];
  readonly #answers = new Map<string, Answer[]>();
  readonly #server = createServer((request, response) => this.#answer(request, response));

  static async start(): Promise<UnrulyServer> {
    const server = new UnrulyServer();
    await new Promise<void>((resolve) => void server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get origin(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('the server listens on a port');
    return `http://127.0.0.1:${(address satisfies AddressInfo).port}`;
  }

  /** Gives the path's whole address. */
  on(path: string, ...answers: Answer[]): string {
    this.#answers.set(path, answers);
    return `${this.origin}${path}`;
  }

  hangUpAt(done: number, response: ServerResponse): void {
    this.#hangUps.push({ done, response });
  }

  /** For the client to say how much it has: a line cut before that would take with it what is still under way. */
  arrived(done: number): void {
    const [next] = this.#hangUps;
    if (next === undefined || done < next.done) return;
    this.#hangUps.shift();
    next.response.destroy();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    this.requests.push(
      `${request.method} ${path}${request.headers.range === undefined ? '' : ` from ${startOf(request)}`}`,
    );
    const answers = this.#answers.get(path) ?? [status(404)];
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(request, response, this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }
}

export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (_, response) => void response.writeHead(code, headers).end();
}

/** A well-behaved server: whole, or from where it was asked. */
export function file(content: Buffer): Answer {
  return (request, response) => {
    const start = startOf(request);
    if (start === undefined) return void response.writeHead(200, { 'content-length': content.length }).end(content);
    if (start >= content.length) return void response.writeHead(416).end();
    const rest = content.subarray(start);
    const range = `bytes ${start}-${content.length - 1}/${content.length}`;
    return void response.writeHead(206, { 'content-length': rest.length, 'content-range': range }).end(rest);
  };
}

/** The whole file, whatever range was asked for. */
export function wholeFile(content: Buffer): Answer {
  return (_, response) => void response.writeHead(200, { 'content-length': content.length }).end(content);
}

/** Announces the file, sends `bytes` of what was asked for, and hangs up once the client has them (see `arrived`). */
export function cutAfter(content: Buffer, bytes: number): Answer {
  return (request, response, server) => {
    const start = startOf(request) ?? 0;
    const rest = content.subarray(start);
    response.writeHead(start === 0 ? 200 : 206, { 'content-length': rest.length });
    response.write(rest.subarray(0, bytes));
    server.hangUpAt(start + Math.min(bytes, rest.length), response);
  };
}

/** Sends a beginning, then nothing, and keeps the line open. */
export function stall(content: Buffer, bytes: number): Answer {
  return (_, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, bytes));
  };
}

export function page(text = '<!DOCTYPE html><title>Please log in</title>'): Answer {
  return (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end(text);
}

function startOf(request: IncomingMessage): number | undefined {
  const match = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  return match === null ? undefined : Number(match[1]);
}
