/** How the server for tests answers with a file, well or badly. */
import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

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

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly file: string;
}

const PIECE_BYTES = 16 << 10;
const PIECE_WAIT_MS = 20;

export function end(response: ServerResponse, status: number): number {
  response.writeHead(status).end();
  return status;
}

export async function sendFile(
  { request, response, path, file }: Exchange,
  size: number,
  misbehave: readonly Misbehaviour[],
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

export async function sendEndless(response: ServerResponse): Promise<number> {
  response.writeHead(200, { 'content-type': 'application/json' });
  const piece = Buffer.alloc(1 << 16, ' ');
  const stop = new AbortController();
  response.once('close', () => stop.abort());
  while (!response.destroyed) {
    if (!response.write(piece)) await once(response, 'drain', stop).catch(() => undefined);
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
