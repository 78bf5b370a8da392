import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import type { FileSource } from '../config/package.ts';
import { BuildError } from '../errors.ts';
import { runGraph } from '../graph/scheduler.ts';
import type { GraphResult } from '../graph/scheduler.ts';
import { Store } from '../graph/store.ts';
import type { Task } from '../graph/task.ts';
import { fetchTask } from './fetch.ts';
import type { FetchOptions } from './fetch.ts';
import { NO_MIRRORS } from './mirrors.ts';
import type { Mirrors } from './mirrors.ts';
import { assertFetched } from './offline.ts';
import { file, status, UnrulyServer } from './unruly-server.ts';

const CONTENT = Buffer.from('an archive');
const SHA512 = createHash('sha512').update(CONTENT).digest('hex');
const DEBIAN: FileSource = {
  debian: { source: 'libx', version: '1:2.0-1', file: 'libx_2.0.orig.tar.xz' },
  sha512: SHA512,
};

let dir: string;
let store: Store;
let server: UnrulyServer;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'slipway-fetch-'));
  store = await Store.open(dir);
  server = await UnrulyServer.start();
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

function options(mirrors: Partial<Mirrors> = {}, network: FetchOptions['network'] = 'online'): FetchOptions {
  return { store, network, mirrors: async () => await Promise.resolve({ ...NO_MIRRORS, ...mirrors }) };
}

function upstream(name: string): FileSource {
  return { url: `${server.origin}/${name}`, mirrors: [`${server.origin}/mirror/${name}`], sha512: SHA512 };
}

async function run(...tasks: Task[]): Promise<GraphResult> {
  const { signal } = new AbortController();
  return await runGraph(tasks, { store, signal, sink: () => {}, cores: 1, memoryMiB: 64, keepGoing: true });
}

async function fetched(task: Task, name: string): Promise<string> {
  const result = await run(task);
  return readFileSync(store.pathOf(result.output(task, name)), 'utf8');
}

test('a source comes from upstream under the name it has in the build', async () => {
  server.on('/libx-2.0.tar.gz', file(CONTENT));
  const task = fetchTask(upstream('libx-2.0.tar.gz'), options());
  expect(task.id).toBe('source/libx-2.0.tar.gz');
  expect(await fetched(task, 'libx-2.0.tar.gz')).toBe('an archive');
});

test('a lookaside mirror is asked first, upstream second, its mirrors last', async () => {
  server.on('/mirror/x.tar', file(CONTENT));
  await fetched(fetchTask(upstream('x.tar'), options({ lookaside: [`${server.origin}/kept`] })), 'x.tar');
  expect(server.requests).toEqual([`GET /kept/x.tar/${SHA512}/x.tar`, 'GET /x.tar', 'GET /mirror/x.tar']);
});

test('what was fetched once is fetched no more, wherever it is asked for the next time', async () => {
  server.on('/x.tar', file(CONTENT));
  await run(fetchTask(upstream('x.tar'), options()));
  const elsewhere: FileSource = { url: 'http://127.0.0.1:1/x.tar', mirrors: [], sha512: SHA512 };
  const task = fetchTask(elsewhere, options({}, 'offline'));
  const result = await run(task);
  expect(result.outcomes.get(task.id)).toEqual({ type: 'fresh' });
});

test('a file of a source package is looked for in both archives, then among all past packages', async () => {
  const found = { fileinfo: { aa: [{ name: 'libx_2.0-1.dsc' }], bb: [{ name: 'libx_2.0.orig.tar.xz' }] } };
  server.on('/snap/mr/package/libx/1%3A2.0-1/srcfiles?fileinfo=1', file(Buffer.from(JSON.stringify(found))));
  server.on('/snap/file/bb', file(CONTENT));
  const { origin } = server;
  const mirrors = { debian: [`${origin}/debian`], security: [`${origin}/debian-security`], snapshot: `${origin}/snap` };
  expect(await fetched(fetchTask(DEBIAN, options(mirrors)), 'libx_2.0.orig.tar.xz')).toBe('an archive');
  expect(server.requests).toEqual([
    'GET /debian/pool/main/libx/libx/libx_2.0.orig.tar.xz',
    'GET /debian-security/pool/updates/main/libx/libx/libx_2.0.orig.tar.xz',
    'GET /snap/mr/package/libx/1%3A2.0-1/srcfiles?fileinfo=1',
    'GET /snap/file/bb',
  ]);
});

test('a failure is located where the source is asked for', async () => {
  server.on('/x.tar', status(404));
  const at = { file: 'packages/libx/package.yaml', line: 3, column: 5 };
  const task = fetchTask(upstream('x.tar'), { ...options(), at });
  const outcome = (await run(task)).outcomes.get(task.id);
  expect(outcome).toMatchObject({ type: 'failed', error: { code: 'source/absent', at } });
});

test('without the network, every missing source is named and no socket is opened', async () => {
  server.on('/here.tar', file(CONTENT));
  const here = fetchTask(upstream('here.tar'), options());
  await run(here);
  server.requests.length = 0;
  const tasks = ['a.tar', 'b.tar'].map((name) => fetchTask(upstream(name), options({}, 'offline')));
  expect(() => assertFetched([here, ...tasks], store)).toThrow(/"a\.tar".*\n.*"b\.tar"/);
  const result = await run(...tasks);
  for (const task of tasks) expect(result.outcomes.get(task.id)).toMatchObject({ error: { code: 'source/offline' } });
  expect(server.requests).toEqual([]);
  expect(() => assertFetched([here], store)).not.toThrow(BuildError);
});
