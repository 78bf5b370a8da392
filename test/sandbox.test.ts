import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Output } from '../tools/graph/task.ts';
import type { ActionParts } from './rig/sandbox-rig.ts';
import { SandboxRig } from './rig/sandbox-rig.ts';

let rig: SandboxRig;
beforeAll(async () => {
  rig = await SandboxRig.create();
}, 600_000);
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** The log of a script that ends well. */
async function say(script: string, parts: Partial<ActionParts> = {}): Promise<string[]> {
  const { result } = await rig.run({ ...parts, argv: ['bash', '-c', script] });
  const failure = [...result.outcomes.values()].find((outcome) => outcome.type === 'failed');
  if (failure !== undefined) throw failure.error;
  return [...rig.lines];
}

/** The error of a script that does not. */
async function failureOf(parts: ActionParts): Promise<unknown> {
  const { result } = await rig.run(parts);
  const [outcome] = result.outcomes.values();
  return outcome?.type === 'failed' ? outcome.error : outcome;
}

async function putLayer(files: Readonly<Record<string, string>>): Promise<Output> {
  await using work = rig.store.makeWorkDir();
  const dir = join(work.path, 'layer');
  mkdirSync(dir);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return await rig.store.putTree(dir);
}

describe('what an action sees', () => {
  test('is root on a machine of one name, with no network', async () => {
    expect(await say('id -u; id -g; uname -n; umask; pwd; grep -c : /proc/net/dev; ls -A')).toEqual([
      '0',
      '0',
      'slipway',
      '0022',
      '/slipway/build',
      '1',
    ]);
  });

  test('is a fixed environment, its own variables, and the cores it was given', async () => {
    const lines = await say('env | grep -v ^NOW=', { env: { MINE: 'yes' } });
    expect(lines.filter((line) => !/^(_|SHLVL)=/.test(line)).toSorted()).toEqual([
      'HOME=/slipway/home',
      'LANG=C.UTF-8',
      'MINE=yes',
      'PATH=/usr/bin:/usr/sbin:/bin',
      'PWD=/slipway/build',
      'RPM_BUILD_NCPUS=1',
      'SHELL=/bin/sh',
      'SLIPWAY_CORES=1',
      'SOURCE_DATE_EPOCH=1700000000',
      'TZ=UTC',
    ]);
  });

  test('is no process but its own', async () => {
    expect(Number((await say('ls -d /proc/[0-9]* | wc -l'))[0])).toBeLessThan(8);
  });

  test('are its inputs, read-only and of no date', async () => {
    const blob = rig.store.putBytes('a blob');
    const lines = await say(
      'cat /in/blob /slipway/build/SOURCES/text; stat -c %Y,%a /in/*; echo x >> /in/blob || echo refused; /in/script',
      {
        inputs: {
          '/in/blob': blob,
          '/slipway/build/SOURCES/text': { type: 'text', text: '\na text\n' },
          '/in/script': { type: 'text', text: '#!/bin/sh\necho ran\n', executable: true },
        },
      },
    );
    expect(lines.filter((line) => !line.startsWith('bash: '))).toEqual([
      'a blob',
      'a text',
      '1700000000,444',
      '1700000000,555',
      'refused',
      'ran',
    ]);
  });

  test('are its layers, the upper over the lower, and it may write over both', async () => {
    const layers = [...rig.layers, await putLayer({ a: 'lower', b: 'lower' }), await putLayer({ b: 'upper' })];
    expect(await say('cat /a /b; echo mine > /a && cat /a', { layers })).toEqual(['loweruppermine']);
  });

  test('can be a hundred and more layers', async () => {
    const layers = [...rig.layers];
    for (let index = 0; index < 150; index += 1) layers.push(await putLayer({ [`layer-${index}`]: '' }));
    expect(await say('ls -d /layer-* | wc -l', { layers })).toEqual(['150']);
    const over = [...layers, ...layers];
    expect(await failureOf({ argv: ['true'], layers: over })).toMatchObject({ code: 'sandbox/too-many-layers' });
  });

  test('includes a stderr that can be opened', async () => {
    expect(await say('echo seen > /dev/stderr')).toEqual(['seen']);
  });
});

describe('what an action leaves', () => {
  test('are files and trees by name', async () => {
    const { result, task } = await rig.run({
      argv: ['bash', '-c', 'cd /slipway/out; echo a > file; mkdir -p tree/sub; echo b > tree/sub/b; echo no > other'],
      outputs: { type: 'named', names: { file: 'file', tree: 'tree' } },
    });
    expect(readFileSync(rig.store.pathOf(result.output(task, 'file')), 'utf8')).toBe('a\n');
    expect(readdirSync(rig.store.pathOf(result.output(task, 'tree')))).toEqual(['sub']);
    expect(Object.keys(result.outputs(task))).toEqual(['file', 'tree']);
  });

  test('or every file there is', async () => {
    const { result, task } = await rig.run({
      argv: ['bash', '-c', 'cd /slipway/out; mkdir -p x/y; echo a > x/y/a; echo b > b'],
    });
    expect(Object.keys(result.outputs(task))).toEqual(['b', 'x/y/a']);
  });

  test('an output that is not there, or is something else, is named', async () => {
    const outputs = { type: 'named', names: { wanted: 'file' } } as const;
    expect(await failureOf({ argv: ['true'], outputs })).toMatchObject({
      code: 'sandbox/output-missing',
      message: 'Cannot collect output "wanted": expected a file, got nothing',
    });
    expect(await failureOf({ argv: ['mkdir', '/slipway/out/wanted'], outputs })).toMatchObject({
      code: 'sandbox/output-missing',
    });
  });

  test('a large image that is mostly hole takes no room', async () => {
    const { result, task } = await rig.run({ argv: ['truncate', '-s', '1G', '/slipway/out/image'] });
    const stats = statSync(rig.store.pathOf(result.output(task, 'image')));
    expect([stats.size, stats.blocks]).toEqual([2 ** 30, 0]);
  }, 120_000);
});

describe('how an action ends', () => {
  test('a failure tells the command and its status', async () => {
    expect(await failureOf({ argv: ['bash', '-c', 'exit 7'] })).toMatchObject({
      code: 'sandbox/command-failed',
      message: expect.stringContaining('bash exited with status 7') as unknown,
    });
  });

  test('a program that is not there fails as a shell would have it', async () => {
    expect(await failureOf({ argv: ['no-such-program'] })).toMatchObject({
      message: expect.stringContaining('status 127') as unknown,
    });
  });

  test('a process left in the background ends with it', async () => {
    expect(await say('sleep 1000 & echo started')).toEqual(['started']);
  }, 30_000);

  test('an abort ends every process, even one that has left its group', async () => {
    const controller = new AbortController();
    // A number of its own: another checkout may be tested on the same machine.
    const seconds = `98765${process.pid}`;
    const stubborn = `trap '' TERM; setsid sleep ${seconds} & while :; do sleep 1; done`;
    const task = rig.task({ argv: ['bash', '-c', stubborn] });
    setTimeout(() => controller.abort(), 1000);
    const result = await rig.build([task], controller.signal);
    expect(result.outcomes.get(task.id)).toEqual({ type: 'skipped', because: 'interrupted' });
    // The kernel ends a process namespace after its first process: on a busy machine that takes a moment.
    const left = () => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(seconds));
    await expect.poll(left, { timeout: 10_000 }).toEqual([]);
  }, 30_000);

  test('CPU time is that of all its processes', async () => {
    const { result, task } = await rig.run({
      argv: ['bash', '-c', 'for i in 1 2; do bash -c "for ((i = 0; i < 100000; i++)); do :; done"; done'],
    });
    const outcome = result.outcomes.get(task.id);
    if (outcome?.type !== 'built') throw new Error('Expected it to be built');
    expect(outcome.cpuSeconds).toBeGreaterThan(0.05);
  });
});

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
