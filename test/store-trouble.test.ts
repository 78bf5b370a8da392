import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { removeTree } from '../tools/graph/disk.ts';
import { runCommand } from '../tools/process/command.ts';
import { SandboxRig } from './rig/sandbox-rig.ts';

const CHILD = join(import.meta.dirname, 'rig/graph-child.ts');

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

/** Runs a script on this very machine, but for what `mounts` lay over it. `$1 ...` is a build of twelve tasks. */
async function runOver(mounts: readonly string[], script: string): Promise<string[]> {
  const lines: string[] = [];
  const build = [process.execPath, '--import', 'tsx', CHILD];
  const argv = [
    ...rig.program('usr/bin/bwrap'),
    '--unshare-user',
    '--dev-bind',
    '/',
    '/',
    ...mounts,
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
