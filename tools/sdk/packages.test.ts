import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { Store } from '../graph/store.ts';
import type { WorkDir } from '../graph/session.ts';
import type { RunContext } from '../graph/task.ts';
import { NO_MIRRORS } from '../sources/mirrors.ts';
import type { Supply } from '../sources/supply.ts';
import { file, UnrulyServer } from '../sources/unruly-server.ts';
import type { Lock } from './lock.ts';
import { fetchPackages } from './packages.ts';

const SDK = { name: 'sdk', host: 'amd64' } as const;
const NAMES = Array.from({ length: 20 }, (_, index) => `p${index}`);

let dir: string;
let store: Store;
let work: WorkDir;
let server: UnrulyServer;
let progress: [done: number, total: number][];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'slipway-packages-'));
  store = await Store.open(dir);
  work = store.makeWorkDir();
  server = await UnrulyServer.start();
  progress = [];
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await work[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

function contentOf(name: string): Buffer {
  return Buffer.from(`package ${name}`);
}

function pathOf(name: string): string {
  return `pool/main/p/${name}/${name}_1_all.deb`;
}

function lockFor(names: readonly string[]): Lock {
  const packages = names.map((name) => ({
    name,
    version: '1',
    arch: 'all' as const,
    path: pathOf(name),
    size: contentOf(name).length,
    sha256: createHash('sha256').update(contentOf(name)).digest('hex'),
  }));
  return { suite: 'trixie', asked: [...names], date: '20260131T120000Z', packages };
}

function supply(network: Supply['network'] = 'online'): Supply {
  const mirrors = { ...NO_MIRRORS, debian: [`${server.origin}/debian`], snapshot: `${server.origin}/snap` };
  return { store, network, mirrors: async () => await Promise.resolve(mirrors) };
}

function context(): RunContext {
  return {
    signal: new AbortController().signal,
    cores: 1,
    workDir: work.path,
    log: () => {},
    progress: (done, total) => void progress.push([done, total]),
    addCpuSeconds: () => {},
  };
}

test('packages come from the mirror, and those it lacks from the snapshot of the lock', async () => {
  const [gone = '', ...there] = NAMES;
  for (const name of there) server.on(`/debian/${pathOf(name)}`, file(contentOf(name)));
  server.on(`/snap/archive/debian/20260131T120000Z/${pathOf(gone)}`, file(contentOf(gone)));
  const packages = await fetchPackages(SDK, { lock: lockFor(NAMES), supply: supply() }, context());
  expect(packages.map(({ deb }) => readFileSync(store.pathOf(deb), 'utf8'))).toEqual(
    NAMES.map((name) => `package ${name}`),
  );
  const total = NAMES.reduce((sum, name) => sum + contentOf(name).length, 0);
  expect(progress.at(-1)).toEqual([total, total]);
});

test('a new lock fetches what changed alone', async () => {
  for (const name of NAMES) server.on(`/debian/${pathOf(name)}`, file(contentOf(name)));
  await fetchPackages(SDK, { lock: lockFor(NAMES.slice(1)), supply: supply() }, context());
  server.requests.length = 0;
  await fetchPackages(SDK, { lock: lockFor(NAMES), supply: supply() }, context());
  expect(server.requests).toEqual([`GET /debian/${pathOf('p0')}`]);
});

test('one package that cannot be had ends the others and is named', async () => {
  for (const name of NAMES.slice(1)) server.on(`/debian/${pathOf(name)}`, file(contentOf(name)));
  const fetching = fetchPackages(SDK, { lock: lockFor(NAMES), supply: supply() }, context());
  const message = `Cannot fetch "p0_1_all.deb": ${server.origin}/debian/${pathOf('p0')} answered 404 Not Found`;
  await expect(fetching).rejects.toMatchObject({ code: 'source/absent', message });
});

test('without the network the missing are named, and no socket is opened', async () => {
  const fetching = fetchPackages(SDK, { lock: lockFor(NAMES), supply: supply('offline') }, context());
  const shown = 'p0_1_all.deb, p1_1_all.deb, p2_1_all.deb, p3_1_all.deb and 16 more';
  const message = `Cannot fetch the packages of tool root "sdk": the network is off, and the store lacks ${shown}`;
  await expect(fetching).rejects.toMatchObject({ code: 'source/offline', message });
  expect(server.requests).toEqual([]);
});
