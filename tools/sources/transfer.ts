import { open, stat } from 'node:fs/promises';

import { Finding, printAddress } from './finding.ts';

export interface Transfer {
  readonly address: string;
  /** What is there already is asked for no more. */
  readonly part: string;
  readonly maxBytes: number | undefined;
  readonly stallMs: number;
  readonly signal: AbortSignal;
  /** Size of the part so far, and the whole as far as the server tells. */
  onProgress(done: number, total: number | undefined): void;
}

/**
 * One attempt to bring a file from one address, going on from what is in the part file. Whether the halves fit together is
 * for the digest to say, which is why there is no If-Range.
 * @throws Finding
 */
export async function transfer(request: Transfer): Promise<'whole' | 'resumed'> {
  const stall = new Stall(request);
  try {
    return await receive(request, stall);
  } catch (error) {
    request.signal.throwIfAborted();
    throw error instanceof Finding ? error : unreachable(request, { error, stalled: stall.happened });
  } finally {
    stall.end();
  }
}

async function receive(request: Transfer, stall: Stall): Promise<'whole' | 'resumed'> {
  const offset = await sizeOf(request.part);
  const response = await ask(request, offset, stall.signal);
  // 416: nothing is left to send, or the part is longer than the file. Its digest will tell.
  if (response.status === 416 && offset > 0) return 'resumed';
  await assertServed(request, response);
  const resumed = offset > 0 && response.status === 206;
  const start = resumed ? offset : 0;
  const total = totalOf(response, start);
  const done = await write(response, { request, stall, start, total });
  if (total !== undefined && done < total) throw cutOff(request, done, total);
  return resumed ? 'resumed' : 'whole';
}

interface Writing {
  readonly request: Transfer;
  readonly stall: Stall;
  readonly start: number;
  readonly total: number | undefined;
}

/** Chunk by chunk, each on disk before the next is asked for: what was counted is there, however this ends. */
async function write(response: Response, { request, stall, start, total }: Writing): Promise<number> {
  const chunks: AsyncIterable<Uint8Array> | readonly Uint8Array[] = response.body ?? [];
  await using part = await open(request.part, start > 0 ? 'a' : 'w');
  let done = start;
  for await (const chunk of chunks) {
    stall.restart();
    done += chunk.byteLength;
    if (request.maxBytes !== undefined && done > request.maxBytes) throw tooLong(request);
    await part.writeFile(chunk);
    request.onProgress(done, total);
  }
  return done;
}

async function ask({ address }: Transfer, offset: number, signal: AbortSignal): Promise<Response> {
  const url = new URL(address);
  // Length and ranges must count the file's own bytes, so no transfer compression.
  const headers = new Headers({ 'accept-encoding': 'identity', 'user-agent': 'slipway' });
  if (url.username !== '')
    headers.set(
      'authorization',
      `Basic ${btoa(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`)}`,
    );
  url.username = url.password = '';
  if (offset > 0) headers.set('range', `bytes=${offset}-`);
  return await fetch(url, { headers, signal });
}

async function assertServed(request: Transfer, response: Response): Promise<void> {
  if (response.ok) return;
  await response.body?.cancel();
  const { status } = response;
  const message = `${printAddress(request.address)} answered ${status}${response.statusText === '' ? '' : ` ${response.statusText}`}`;
  const transient = status >= 500 || status === 429 || status === 408;
  throw new Finding(status === 404 || status === 410 ? 'absent' : 'refused', message, {
    transient,
    waitMs: retryAfter(response),
  });
}

/** Ends an attempt on which nothing arrives for too long, and passes on the caller's own end. */
class Stall {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly signal: AbortSignal;
  happened = false;

  constructor(request: Transfer) {
    this.signal = AbortSignal.any([this.#controller.signal, request.signal]);
    this.#timer = setTimeout(() => {
      this.happened = true;
      this.#controller.abort();
    }, request.stallMs);
  }

  restart(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

function unreachable({ address, stallMs }: Transfer, { error, stalled }: { error: unknown; stalled: boolean }): Error {
  if (isDisk(error)) return error;
  const why = stalled ? `sent nothing for ${stallMs / 1000} s` : `cannot be reached: ${reasonOf(error)}`;
  return new Finding('unreachable', `${printAddress(address)} ${why}`, { transient: true });
}

/** A full or read-only disk is no fault of the network, and trying again mends nothing. */
function isDisk(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && (error.syscall === 'open' || error.syscall === 'write');
}

/** fetch() says "fetch failed" and hides the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return reasonOf(error.cause);
  return 'code' in error && typeof error.code === 'string' && !error.message.includes(error.code)
    ? `${error.message} (${error.code})`
    : error.message;
}

function cutOff({ address }: Transfer, done: number, total: number): Finding {
  return new Finding('cut-off', `${printAddress(address)} ended after ${done} of ${total} bytes`, { transient: true });
}

function tooLong({ address, maxBytes }: Transfer): Finding {
  return new Finding('wrong-digest', `${printAddress(address)} sends more than the expected ${maxBytes} bytes`);
}

function totalOf(response: Response, offset: number): number | undefined {
  const length = response.headers.get('content-length');
  return length === null ? undefined : offset + Number(length);
}

function retryAfter(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found?.size ?? 0;
}
