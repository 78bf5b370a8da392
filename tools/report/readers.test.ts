import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { BuildError, BuildErrors } from '../errors.ts';
import type { BuildEvent } from '../graph/events.ts';
import { jsonReporter } from './json.ts';
import { FakeTerminal } from './fake-terminal.ts';
import { makePaint } from './paint.ts';
import { plainReporter } from './plain.ts';
import { built, ended, failed, SAMPLES, started } from './sample-events.ts';

const VOICE = { paint: makePaint(false), command: 'npx tsx Makefile.ts -C there' };
const SECRET = new BuildError('source/absent', 'Cannot fetch "https://me:hunter2@example.org/a.tar"', {
  cause: new Error('ftp://hunter2@example.org is down'),
});

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2024, 0, 1) });
});
afterEach(() => {
  vi.useRealTimers();
});

function plain(): {
  readonly err: FakeTerminal;
  readonly out: FakeTerminal;
  readonly tell: (...events: readonly BuildEvent[]) => void;
} {
  const [out, err] = [new FakeTerminal({ columns: 1000 }), new FakeTerminal({ columns: 1000 })];
  const { sink } = plainReporter({ out: out.stream, err: err.stream }, VOICE);
  return { out, err, tell: (...events) => events.forEach(sink) };
}

function json(...events: readonly BuildEvent[]): readonly unknown[] {
  const out = new FakeTerminal();
  const { sink } = jsonReporter({ out: out.stream, err: out.stream });
  events.forEach(sink);
  return out.raw
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
}

describe('plain lines', () => {
  test('hold what stays to be read, results on stdout and all else on stderr', () => {
    const { out, err, tell } = plain();
    tell(...Object.values(SAMPLES));
    expect(out.raw).toBe('All done\n');
    expect(err.raw).toBe(
      [
        'done  Build a in 1.2 s',
        'warning: Waiting for another build',
        '  hint: Wait',
        'error: Cannot finish  [graph/failed]',
        '  hint: Mend it',
        '',
      ].join('\n'),
    );
  });

  test('say every ten seconds what runs, and nothing while nothing runs', () => {
    const { err, tell } = plain();
    tell(SAMPLES.phase);
    vi.advanceTimersByTime(30_000);
    expect(err.raw).toBe('');
    tell(started('a'), SAMPLES['task-line'], started('b'), SAMPLES.estimate);
    vi.advanceTimersByTime(10_000);
    expect(err.raw).toBe('[Build: 1 of 2, about 1 min 05 s left] Build a (10 s: compiling a.c); Build b (10 s)\n');
    tell(built('a'), built('b'));
    vi.advanceTimersByTime(30_000);
    expect(err.raw.split('\n')).toHaveLength(4);
  });

  test('show how fast a transfer is and when it will be done, from where it went on', () => {
    const { err, tell } = plain();
    tell(SAMPLES.phase, started('a'));
    for (let second = 0; second < 10; second += 1) {
      tell({ type: 'task-progress', id: 'build/a', done: (50 + second * 2) << 20, total: 100 << 20, unit: 'bytes' });
      vi.advanceTimersByTime(1000);
    }
    expect(err.raw).toBe('[Build] Build a (10 s: 68.0 MiB of 100 MiB, 1.7 MiB/s, about 19 s left)\n');
  });

  test('name what failed, why, what was said last, where it is written, and the way in', () => {
    const { err, tell } = plain();
    const at = { file: '/co/packages/a/a.spec', line: 4, column: 1 };
    tell(
      failed('a', new BuildError('package/bad-spec', 'Cannot read spec "a.spec"', { at }), [
        '\u001B[1mboom\u001B[0m',
        '',
      ]),
    );
    expect(err.raw).toBe(
      [
        'FAIL  Build a',
        '/co/packages/a/a.spec:4:1: error: Cannot read spec "a.spec"  [package/bad-spec]',
        '  | boom',
        '  |',
        '  log: /store/logs/a.log',
        '  shell: npx tsx Makefile.ts -C there shell build/a',
        '',
      ].join('\n'),
    );
  });

  test('offer no shell into a task that is no command, and no log where nothing was said', () => {
    const { err, tell } = plain();
    const outcome = { type: 'failed', error: SECRET, command: undefined, logPath: undefined, logTail: [] } as const;
    tell(ended('a', outcome));
    expect(err.raw).not.toMatch(/log:|shell:/);
  });

  test('give commands as they have to be typed here', () => {
    const { err, tell } = plain();
    tell({ type: 'warning', message: 'The disk is full', hint: 'Make room with: npx tsx Makefile.ts gc' });
    expect(err.raw).toContain('  hint: Make room with: npx tsx Makefile.ts -C there gc\n');
  });

  test('sum up what was skipped for a failure, and pass over what an interrupt skipped', () => {
    const { err, tell } = plain();
    for (const name of ['b', 'c', 'd', 'e']) tell(ended(name, { type: 'skipped', because: 'build/a' }));
    tell(ended('f', { type: 'skipped', because: 'interrupted' }), SAMPLES['phase-ended'], SAMPLES['phase-ended']);
    expect(err.raw).toBe('skip  Build b, Build c and 2 more: needs build/a\n');
  });
});

describe('JSON', () => {
  test('is one line for every event, with its type and time', () => {
    const lines = json(...Object.values(SAMPLES));
    expect(lines).toMatchObject(Object.keys(SAMPLES).map((type) => ({ type, time: '2024-01-01T00:00:00.000Z' })));
  });

  test('has errors in fields, wherever they are', () => {
    const error = { code: 'source/absent', because: ['ftp://***@example.org is down'] };
    expect(json({ type: 'error', error: new BuildErrors([SECRET, SECRET]) })).toMatchObject([
      { error: { errors: [error, error] } },
    ]);
    expect(json(failed('a', SECRET))).toMatchObject([
      { outcome: { type: 'failed', error, command: 'make all', logPath: '/store/logs/a.log' } },
    ]);
    expect(json({ type: 'error', error: new TypeError('oops') })).toMatchObject([
      { error: { code: 'internal', message: expect.stringContaining('oops') as unknown } },
    ]);
  });
});

test.each(['json', 'plain'])('no reader shows the credentials of an address: %s', (reader) => {
  const url = 'https://me:hunter2@example.org/a';
  const events: readonly BuildEvent[] = [
    failed('a', SECRET, [`GET ${url}`]),
    { type: 'error', error: new Error(url) },
    { type: 'warning', message: url, hint: url },
    { type: 'result', text: url, data: { url } },
  ];
  const { out, err, tell } = plain();
  if (reader === 'plain') tell(...events);
  const text = reader === 'json' ? JSON.stringify(json(...events)) : out.raw + err.raw;
  expect(text).not.toContain('hunter2');
  expect(text).toContain('https://***@example.org/a');
});
