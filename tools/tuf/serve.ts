/** A web server for tests of clients: answers as a bucket does, or misbehaves in ways that a client has to stand. Loopback only. */
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { join, normalize } from 'node:path';

import { BuildError } from '../errors.ts';
import { end, sendEndless, sendFile } from './serve-file.ts';
import type { Exchange, Misbehaviour } from './serve-file.ts';

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
  return await sendFile(exchange, found.size, context.misbehave);
}

function missing(response: ServerResponse, { misbehave }: Context): number {
  if (misbehave.includes('html-for-missing')) {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Nothing here</title>');
    return 200;
  }
  return end(response, misbehave.includes('forbid-missing') ? 403 : 404);
}
