import { afterEach, describe, expect, test, vi } from 'vitest';

import { BuildError } from '../errors.ts';
import { FakeTerminal } from './fake-terminal.ts';
import { makeReporter } from './reporter.ts';
import type { Reporter } from './reporter.ts';
import { built, failed, SAMPLES, started } from './sample-events.ts';

const BROKEN = new BuildError('sandbox/command-failed', 'make exited with status 2 after 1.0 s');

let reporter: Reporter | undefined;
afterEach(() => reporter?.close());

function open(size: { columns?: number; rows?: number } = {}, colour = false) {
  const screen = new FakeTerminal(size);
  const streams = { out: screen.stream, err: screen.stream };
  reporter = makeReporter({ json: false, colour, command: 'npx tsx Makefile.ts', streams });
  return { screen, sink: reporter.sink };
}

/** The spinner turns as it likes. */
function still(text: string): string {
  return text.replaceAll(/^[^\w\s] /gm, '* ');
}

describe('the live display', () => {
  test('shows the phase and what runs, and what has ended above it, until the phase ends', async () => {
    const { screen, sink } = open();
    for (const event of [SAMPLES.phase, started('a'), started('b'), SAMPLES['task-line'], SAMPLES.estimate])
      sink(event);
    await vi.waitFor(() =>
      // Seconds pass while a busy machine draws.
      expect(still(screen.text)).toMatch(
        /^\* Build: 1 of 2, about 1 min \d\d s left\n {2}Build a {2}\d+ s {2}compiling a\.c\n {2}Build b {2}\d+ s$/,
      ),
    );
    expect(screen.cursor).toBe('hidden');
    sink(built('a'));
    expect(screen.text).toMatch(/^done {2}Build a in 1.2 s\n. Build/);
    await vi.waitFor(() => expect(screen.text).not.toContain('compiling a.c'));
    sink(built('b'));
    sink(SAMPLES['phase-ended']);
    expect(screen.text).toBe('done  Build a in 1.2 s\ndone  Build b in 1.2 s');
    expect(screen.cursor).toBe('shown');
  });

  test('is not there for a phase with nothing to run', async () => {
    const { screen, sink } = open();
    for (const event of [SAMPLES.phase, SAMPLES.estimate, SAMPLES['phase-ended']]) sink(event);
    expect(screen.raw).toBe('');
  });

  test('that ends before it has begun leaves nothing', async () => {
    const { screen, sink } = open();
    for (const event of [SAMPLES.phase, started('a'), built('a'), SAMPLES['phase-ended'], SAMPLES.result]) sink(event);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(screen.text).toBe('done  Build a in 1.2 s\nAll done');
    expect(screen.cursor).toBe('shown');
  });

  test('is never wider or taller than the terminal', async () => {
    const { screen, sink } = open({ columns: 30, rows: 6 });
    sink(SAMPLES.phase);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      sink(started(name));
      sink({ type: 'task-line', id: `build/${name}`, line: `\u001B[31mcompiling\t${'文/'.repeat(40)}` });
    }
    await vi.waitFor(() => expect(screen.text.split('\n')).toHaveLength(5));
    expect(screen.text).toContain('  Build c  0 s  compiling …');
    expect(screen.text).toContain('  and 4 more');
    sink(SAMPLES['phase-ended']);
    expect(screen.text).toBe('');
  });

  test('leaves a failure whole that is taller than the terminal', async () => {
    const { screen, sink } = open({ rows: 5 });
    const tail = Array.from({ length: 20 }, (_, index) => `line ${index}`);
    for (const event of [SAMPLES.phase, started('a'), started('b')]) sink(event);
    await vi.waitFor(() => expect(screen.text).toContain('Build b'));
    sink(failed('a', BROKEN, tail));
    await vi.waitFor(() => expect(screen.text).not.toContain('Build a  0 s'));
    sink(SAMPLES['phase-ended']);
    expect(screen.text).toBe(
      [
        'FAIL  Build a',
        'error: make exited with status 2 after 1.0 s  [sandbox/command-failed]',
        ...tail.map((line) => `  | ${line}`),
        '  log: /store/logs/a.log',
        '  shell: npx tsx Makefile.ts shell build/a',
      ].join('\n'),
    );
  });

  test.each([true, false])('has colours when they are wanted: %s', async (colour) => {
    const { screen, sink } = open({}, colour);
    for (const event of [SAMPLES.phase, started('a'), SAMPLES['task-line']]) sink(event);
    await vi.waitFor(() => expect(screen.text).toContain('compiling'));
    sink(failed('a', BROKEN));
    sink(SAMPLES['phase-ended']);
    // oxlint-disable-next-line no-control-regex -- it is what is looked for
    expect(/\u001B\[[\d;]*m/.test(screen.raw)).toBe(colour);
  });
});
