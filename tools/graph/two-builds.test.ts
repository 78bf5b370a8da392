import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { describe, expect, test } from 'vitest';

import { GraphRig } from '../../test/rig/graph-rig.ts';
import { Store } from './store.ts';

const CHILD = join(import.meta.dirname, '../../test/rig/graph-child.ts');

/** Builds in another process; `onLine` may kill it. Gives what it said. */
async function buildElsewhere(
  storeDir: string,
  eachMs: number,
  onLine?: (lines: string[], kill: () => void) => void,
): Promise<string[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, storeDir, String(eachMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    onLine?.(lines, () => void child.kill('SIGKILL'));
  }
  await ended;
  return lines;
}

describe('two builds at once', () => {
  test('make each task once, and both end well', async () => {
    await using rig = await GraphRig.create();
    const said = await Promise.all([buildElsewhere(rig.store.dir, 30), buildElsewhere(rig.store.dir, 30)]);
    expect(said.map((lines) => lines.at(-1))).toEqual(['ok', 'ok']);
    const ran = said.flatMap((lines) => lines.slice(0, -1));
    expect(ran.toSorted()).toEqual([...new Set(ran)].toSorted());
    expect(ran.length).toBe(12);
  });
});

describe('a build that is killed', () => {
  test('is gone on with: what was done is kept, what it had in hand is made again', async () => {
    await using rig = await GraphRig.create();
    const before = await buildElsewhere(rig.store.dir, 20, (lines, kill) => {
      if (lines.length === 5) kill();
    });
    const after = await buildElsewhere(rig.store.dir, 0);
    expect(after.at(-1)).toBe('ok');
    const done = before.filter((id) => !after.includes(id));
    expect(new Set([...done, ...after.slice(0, -1)]).size).toBe(12);
    // With two at a time, at most the two in hand are lost.
    expect(done.length).toBeGreaterThanOrEqual(before.length - 2);
  });

  test('leaves work directories and locks to the next, which takes no notice of live ones', async () => {
    await using rig = await GraphRig.create();
    const live = rig.store.makeWorkDir();
    rig.store.session.tryLock('live');
    await buildElsewhere(rig.store.dir, 5000, (_, kill) => kill());
    const work = join(rig.store.dir, 'work');
    const left = readdirSync(work).length;
    await using next = await Store.open(rig.store.dir);
    await next[Symbol.asyncDispose]();
    expect([left, readdirSync(work).length, existsSync(live.path)]).toEqual([2, 1, true]);
    const locks = readdirSync(join(rig.store.dir, 'locks'));
    expect(locks.map((name) => [name === 'live', next.session.tryLock(name)])).toEqual(
      locks.map((name) => (name === 'live' ? [true, false] : [false, true])),
    );
  });
});
