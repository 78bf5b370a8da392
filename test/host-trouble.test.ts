import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { removeTree } from '../tools/graph/disk.ts';
import { runCommand } from '../tools/process/command.ts';
import { SHARED_STORE } from './rig/rig.ts';
import { SandboxRig } from './rig/sandbox-rig.ts';

const GRAPH_CHILD = join(import.meta.dirname, 'rig/graph-child.ts');
const SANDBOX_CHILD = join(import.meta.dirname, 'rig/sandbox-child.ts');

let rig: SandboxRig;
let dir: string;
beforeAll(async () => {
  rig = await SandboxRig.create();
  dir = mkdtempSync(join(tmpdir(), 'slipway-trouble-'));
}, 600_000);
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await removeTree(dir);
});

/** Runs a script on this very machine, but for what bubblewrap's `options` change. `"$@"` is a build of twelve tasks. */
async function runOver(options: readonly string[], script: string, child = GRAPH_CHILD): Promise<string[]> {
  const lines: string[] = [];
  const build = [process.execPath, '--import', 'tsx', child];
  const argv = [
    ...rig.program('usr/bin/bwrap'),
    '--unshare-user',
    '--dev-bind',
    '/',
    '/',
    ...options,
    '--',
    'sh',
    '-c',
    script,
    'sh',
    ...build,
  ];
  await runCommand(argv, {
    env: { PATH: '/usr/bin:/bin' },
    cwd: join(import.meta.dirname, '..'),
    onLine: (line) => lines.push(line),
  });
  return lines;
}

test('a full disk is told as such, and once there is room the build goes on', async () => {
  const lines = await runOver(
    ['--size', '3000000', '--tmpfs', dir],
    `head -c 1200000 /dev/zero > ${dir}/filler; "$@" ${dir}/store 0 200000; rm ${dir}/filler; echo room; "$@" ${dir}/store 0 200000`,
  );
  const room = lines.indexOf('room');
  expect(lines[room - 1]).toMatch(/^store\/full(,store\/full)*$/);
  expect(lines.at(-1)).toBe('ok');
  const lost = lines.slice(0, room - 1).filter((id) => lines.slice(room).includes(id));
  expect(lost.length).toBeLessThanOrEqual(2);
  expect(new Set(lines.filter((line) => line.startsWith('child/'))).size).toBe(12);
});

test('a read-only store serves what it has, and says when it cannot take more', async () => {
  const store = join(dir, 'kept');
  expect((await runOver([], `"$@" ${store}`)).at(-1)).toBe('ok');
  const readOnly = ['--ro-bind', store, store];
  expect(await runOver(readOnly, `"$@" ${store}`)).toEqual(['ok']);
  expect((await runOver(readOnly, `"$@" ${store} 0 99`)).at(-1)).toMatch(
    /^store\/not-writable(,store\/not-writable)*$/,
  );
});

test('a host that refuses user namespaces is told as such, with a way out', async () => {
  const [code, hint] = await runOver(['--disable-userns'], `SLIPWAY_CACHE=${SHARED_STORE} "$@"`, SANDBOX_CHILD);
  expect(code).toBe('sandbox/no-user-namespaces');
  expect(hint).toMatch(/sysctl|--security-opt/);
});
