/** A web server for tests of clients: answers as a bucket does, or misbehaves in ways that a client has to stand. Loopback only. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { join, normalize } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { BuildError } from '../errors.ts';

export const MISBEHAVIOURS = {
  'fail-first': 'the first request for each file is answered 503',
  slow: 'a small piece at a time',
  truncate: 'targets end in the middle, without a word',
  endless: 'metadata never ends',
  corrupt: 'one bit of each target is another',
  'html-for-missing': 'what is missing is a web page, with status 200',
  'forbid-missing': 'what is missing is answered 403, as by a bucket that may not be listed',
  'no-range': 'ranges are ignored',
} as const;

export type Misbehaviour = keyof typeof MISBEHAVIOURS;

export interface ServeOptions {
  readonly dir: string;
  readonly port: number;
  readonly misbehave: readonly Misbehaviour[];
  /** A line for each request. */
  readonly onRequest: (line: string) => void;
}

export interface Serving extends AsyncDisposable {
  readonly url: string;
  readonly server: Server;
}

const PIECE_BYTES = 16 << 10;
const PIECE_WAIT_MS = 20;

/** @throws BuildError tuf/cannot-listen */
export async function serve(options: ServeOptions): Promise<Serving> {
  const seen = new Set<string>();
  const server = createServer((request, response) => {
    answer(request, response, { ...options, seen }).catch(() => response.destroy());
  });
  server.listen(options.port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new BuildError('tuf/cannot-listen', `Cannot listen on port ${options.port}`, { cause });
  }
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${port}/`, server, [Symbol.asyncDispose]: close };
}

interface Context extends ServeOptions {
  /** Paths that were asked for before. */
  readonly seen: Set<string>;
}

async function answer(request: IncomingMessage, response: ServerResponse, context: Context): Promise<void> {
  // Hosts add queries that mean nothing to a file.
  const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname));
  const file = join(context.dir, path);
  const status = await respond({ request, response, path, file }, context);
  context.onRequest(`${request.method ?? 'GET'} ${path} ${status}`);
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly file: string;
}

async function respond(exchange: Exchange, context: Context): Promise<number> {
  const { response, path, file } = exchange;
  const isFirst = !context.seen.has(path);
  context.seen.add(path);
  if (isFirst && context.misbehave.includes('fail-first')) return end(response, 503);
  const found = await stat(file).catch(() => undefined);
  // Names with a dot in front are ours: locks, notes, files that are being written.
  const hidden = path.split('/').some((part) => part.startsWith('.')) || path.endsWith('.part');
  if (hidden || found?.isFile() !== true) return missing(response, context);
  if (context.misbehave.includes('endless') && path.endsWith('.json') && !path.includes('/targets/'))
    return await sendEndless(response);
  return await sendFile(exchange, found.size, context);
}

function missing(response: ServerResponse, { misbehave }: Context): number {
  if (misbehave.includes('html-for-missing')) {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Nothing here</title>');
    return 200;
  }
  return end(response, misbehave.includes('forbid-missing') ? 403 : 404);
}

function end(response: ServerResponse, status: number): number {
  response.writeHead(status).end();
  return status;
}

async function sendFile(
  { request, response, path, file }: Exchange,
  size: number,
  { misbehave }: Context,
): Promise<number> {
  const ranges = misbehave.includes('no-range') ? 'ignored' : 'served';
  const range = ranges === 'ignored' ? undefined : rangeOf(request.headers.range, size);
  if (range === 'unsatisfiable') return end(response, 416);
  const { start, end: last } = range ?? { start: 0, end: size - 1 };
  const status = range === undefined ? 200 : 206;
  response.writeHead(status, {
    'content-length': Math.max(0, last - start + 1),
    'content-type': file.endsWith('.json') ? 'application/json' : 'application/octet-stream',
    ...(ranges === 'served' ? { 'accept-ranges': 'bytes' } : {}),
    ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${last}/${size}` }),
  });
  if (request.method === 'HEAD' || size === 0) response.end();
  else await sendBody(response, { path, file, start, end: last }, misbehave);
  return status;
}

async function sendBody(
  response: ServerResponse,
  { path, file, start, end: last }: { path: string; file: string; start: number; end: number },
  misbehave: readonly Misbehaviour[],
): Promise<void> {
  const isTarget = path.includes('/targets/');
  const cut = isTarget && misbehave.includes('truncate') ? Math.floor((start + last) / 2) : last;
  const how = { slow: misbehave.includes('slow'), corrupt: isTarget && misbehave.includes('corrupt') };
  await sendPieces(response, { file, start, end: cut }, how);
  if (cut < last) response.destroy();
  else response.end();
}

async function sendPieces(
  response: ServerResponse,
  { file, start, end: last }: { file: string; start: number; end: number },
  { slow, corrupt }: { slow: boolean; corrupt: boolean },
): Promise<void> {
  let isFirst = start === 0;
  for await (const chunk of createReadStream(file, { start, end: last, highWaterMark: slow ? PIECE_BYTES : 1 << 20 })) {
    if (!(chunk instanceof Buffer)) throw new TypeError('a file is read as bytes');
    if (corrupt && isFirst) chunk.writeUInt8(chunk.readUInt8(0) ^ 1, 0);
    isFirst = false;
    if (!response.write(chunk)) await once(response, 'drain');
    if (slow) await sleep(PIECE_WAIT_MS);
  }
}

async function sendEndless(response: ServerResponse): Promise<number> {
  response.writeHead(200, { 'content-type': 'application/json' });
  const piece = Buffer.alloc(1 << 16, ' ');
  while (!response.destroyed) {
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
  return 200;
}

/** RFC 9110 14.1.2, one range. */
function rangeOf(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return start > last ? 'unsatisfiable' : { start, end: last };
}
