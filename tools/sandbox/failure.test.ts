import { describe, expect, test } from 'vitest';

import type { Action } from './action.ts';
import { commandFailed } from './failure.ts';
import { parseTimes } from './wrapper.ts';

const ACTION: Action = {
  argv: ['make', 'all the things'],
  env: {},
  layers: [],
  inputs: {},
  outputs: { type: 'files' },
};
const RESULT = { status: 2, killedBy: undefined, durationMs: 1234 };

describe('commandFailed()', () => {
  test.each([
    { argv: ['make', 'all the things'], name: 'make' },
    { argv: ['bash', '-euc', 'exec rpmbuild\n', 'rpmbuild', 'x86_64'], name: 'rpmbuild' },
    { argv: ['bash', '-euo', 'pipefail', '-c', 'a | b'], name: 'bash' },
    { argv: ['bash', '-euo', 'pipefail', '/slipway/step/root.sh', 'x'], name: 'root.sh' },
  ])('says in a line which program ended, and how: $name', ({ argv, name }) => {
    const error = commandFailed({ ...ACTION, argv }, RESULT, { lines: ['boom'], storeDir: '/' });
    expect(error.code).toBe('sandbox/command-failed');
    expect(error.message).toBe(`${name} exited with status 2 after 1.2 s`);
  });

  test.each([
    'bwrap: No permissions to create a new namespace, likely because the kernel does not allow non-privileged user namespaces.',
    'bwrap: setting up uid map: Permission denied',
    'bwrap: Creating new namespace failed: Operation not permitted',
    'bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted',
  ])('a host that refuses user namespaces is told from a command that fails: %s', (line) => {
    const error = commandFailed(ACTION, RESULT, { lines: [line], storeDir: '/' });
    expect(error.code).toBe('sandbox/no-user-namespaces');
    expect(error.hint).toBeDefined();
  });

  test('a command that was killed for want of memory says so', () => {
    expect(commandFailed(ACTION, { ...RESULT, status: 137 }, { lines: [], storeDir: '/' }).hint).toContain('memory');
  });
});

test('parseTimes() adds up the user and system time of the shell and its children', () => {
  expect(parseTimes('0m0.010s 0m0.020s\n1m2.500s 0m0.470s\n')).toBeCloseTo(63);
});
