import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { BuildError } from '../errors.ts';
import { download } from './download.ts';
import type { Address } from './download.ts';
import { cutAfter, file, page, stall, status, UnrulyServer, wholeFile } from './unruly-server.ts';

const CONTENT = Buffer.from(Array.from({ length: 20_000 }, (_, index) => index % 251));
const DIGEST = sha512(CONTENT);
const OTHER = Buffer.from('another file altogether');

let dir: string;
let server: UnrulyServer;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'slipway-download-'));
  server = await UnrulyServer.start();
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

async function get(
  addresses: readonly Address[],
  extra: { size?: number; signal?: AbortSignal } = {},
): Promise<Buffer> {
  const { size, signal = new AbortController().signal } = extra;
  const wanted = { name: 'thing-1.0.tar.gz', algorithm: 'sha512', digest: DIGEST, addresses, size } as const;
  const path = await download(wanted, {
    partsDir: dir,
    signal,
    onProgress: (done) => server.arrived(done),
    patience: { attempts: 3, firstWaitMs: 1, stallMs: 300 },
  });
  return readFileSync(path);
}

async function failure(addresses: readonly Address[], extra: { size?: number } = {}): Promise<BuildError> {
  const error: unknown = await get(addresses, extra).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof BuildError)) throw new TypeError(`Expected a BuildError, got ${String(error)}`);
  return error;
}

function sha512(bytes: Buffer): string {
  return createHash('sha512').update(bytes).digest('hex');
}

describe('a server that misbehaves', () => {
  test('one that is unwell twice is asked a third time', async () => {
    const address = server.on('/x', status(503), status(503, { 'retry-after': '0' }), file(CONTENT));
    expect(await get([address])).toEqual(CONTENT);
    expect(server.requests).toEqual(['GET /x', 'GET /x', 'GET /x']);
  });

  test('one that hangs up is asked for the rest alone', async () => {
    const address = server.on('/x', cutAfter(CONTENT, 7000), cutAfter(CONTENT, 6000), file(CONTENT));
    expect(await get([address])).toEqual(CONTENT);
    expect(server.requests).toEqual(['GET /x', 'GET /x from 7000', 'GET /x from 13000']);
  });

  test('one that hangs up again and again is waited for as long as bytes arrive', async () => {
    const address = server.on('/x', ...Array.from({ length: 10 }, () => cutAfter(CONTENT, 1900)), file(CONTENT));
    expect(await get([address])).toEqual(CONTENT);
  });

  test('one that ignores the range sends it all again, and nothing is doubled', async () => {
    const address = server.on('/x', cutAfter(CONTENT, 7000), wholeFile(CONTENT));
    expect(await get([address])).toEqual(CONTENT);
  });

  test('one that falls silent is left for the next', async () => {
    const silent = server.on('/silent', stall(CONTENT, 10));
    expect(await get([silent, server.on('/y', file(CONTENT))])).toEqual(CONTENT);
  });

  test('one that redirects is followed', async () => {
    server.on('/y', file(CONTENT));
    expect(await get([server.on('/x', status(302, { location: '/y' }))])).toEqual(CONTENT);
  });

  test('one that lacks the file is not asked twice', async () => {
    expect(await get([server.on('/gone', status(404)), server.on('/y', file(CONTENT))])).toEqual(CONTENT);
    expect(server.requests).toEqual(['GET /gone', 'GET /y']);
  });

  test('one that has another file is passed over, and none of its bytes are kept', async () => {
    expect(await get([server.on('/x', cutAfter(OTHER, 9), file(OTHER)), server.on('/y', file(CONTENT))])).toEqual(
      CONTENT,
    );
    expect(server.requests.at(-1)).toBe('GET /y');
  });

  test('a part that began with bytes of another file is thrown away, and the same address asked again', async () => {
    const liar = server.on('/liar', cutAfter(OTHER, 9), status(404));
    expect(await get([liar, server.on('/y', file(CONTENT))])).toEqual(CONTENT);
    expect(server.requests).toEqual(['GET /liar', 'GET /liar from 9', 'GET /y from 9', 'GET /y']);
  });
});

describe('a file that cannot be had', () => {
  test('a wrong digest is told with both digests and the address, and nothing is kept', async () => {
    const address = server.on('/x', file(OTHER));
    const error = await failure([address]);
    expect(error.code).toBe('source/wrong-digest');
    expect(error.message).toBe(
      `Cannot fetch "thing-1.0.tar.gz": expected SHA-512 ${DIGEST}, got ${sha512(OTHER)} from ${address}`,
    );
    expect(readdirSync(dir)).toEqual([]);
  });

  test('a web page is called one', async () => {
    const address = server.on('/x', page());
    const error = await failure([address], { size: CONTENT.length });
    expect(error.code).toBe('source/web-page');
    expect(error.message).toBe(`Cannot fetch "thing-1.0.tar.gz": ${address} answered a web page`);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('one that is shorter than it should be is called cut off', async () => {
    const error = await failure([server.on('/x', file(CONTENT.subarray(0, 500)))], { size: CONTENT.length });
    expect(error.code).toBe('source/cut-off');
    expect(error.message).toContain('ended after 500 of 20000 bytes');
  });

  test('one that does not end is not read for ever', async () => {
    const error = await failure([server.on('/x', file(CONTENT))], { size: 100 });
    expect(error.code).toBe('source/wrong-digest');
    expect(error.message).toContain('sends more than the expected 100 bytes');
    expect(readdirSync(dir)).toEqual([]);
  });

  test('every address that was tried is told, the most telling first', async () => {
    const error = await failure([
      server.on('/gone', status(404)),
      server.on('/ill', status(500)),
      server.on('/x', file(OTHER)),
    ]);
    expect(error.code).toBe('source/wrong-digest');
    const causes = [error.cause, error.cause instanceof Error ? error.cause.cause : undefined];
    expect(causes.map((cause) => (cause instanceof Error ? cause.message : cause))).toEqual([
      `${server.origin}/ill answered 500 Internal Server Error`,
      `${server.origin}/gone answered 404 Not Found`,
    ]);
  });

  test('a server that does not exist is told by its reason', async () => {
    const error = await failure(['http://127.0.0.1:1/x']);
    expect(error.code).toBe('source/unreachable');
    expect(error.message).toMatch(/127\.0\.0\.1:1\/x cannot be reached: (connect ECONNREFUSED|bad port)/);
  });

  test('neither password nor query of an address reach the message', async () => {
    const address = server.on('/x?token=s3cret', status(403)).replace('http://', 'http://me:hunter2@');
    const error = await failure([address]);
    expect(error.message).toBe(`Cannot fetch "thing-1.0.tar.gz": ${server.origin}/x?... answered 403 Forbidden`);
  });
});

describe('a download that was killed', () => {
  test('goes on where it was', async () => {
    writeFileSync(join(dir, `sha512-${DIGEST}.999999999-1.part`), CONTENT.subarray(0, 12_000));
    expect(await get([server.on('/x', file(CONTENT))])).toEqual(CONTENT);
    expect(server.requests).toEqual(['GET /x from 12000']);
  });

  test('that was complete is not fetched again', async () => {
    writeFileSync(join(dir, `sha512-${DIGEST}.999999999-1.part`), CONTENT);
    expect(await get([server.on('/x', file(CONTENT))])).toEqual(CONTENT);
    expect(server.requests).toEqual(['GET /x from 20000']);
  });

  test('leaves the part of a running process alone', async () => {
    const others = join(dir, `sha512-${DIGEST}.${process.ppid}-1.part`);
    writeFileSync(others, CONTENT.subarray(0, 12_000));
    expect(await get([server.on('/x', file(CONTENT))])).toEqual(CONTENT);
    expect(server.requests).toEqual(['GET /x']);
    expect(readFileSync(others)).toHaveLength(12_000);
  });

  test('two in one process do not share a part', async () => {
    const address = server.on('/x', file(CONTENT));
    expect(await Promise.all([get([address]), get([address])])).toEqual([CONTENT, CONTENT]);
  });

  test('ends at once when the build is stopped, and keeps what has arrived', async () => {
    const controller = new AbortController();
    const running = get([server.on('/x', stall(CONTENT, 5000))], { signal: controller.signal });
    setTimeout(() => controller.abort(), 100);
    await expect(running).rejects.toThrow('aborted');
    const [part] = readdirSync(dir);
    expect(readFileSync(join(dir, part ?? ''))).toHaveLength(5000);
  });
});
