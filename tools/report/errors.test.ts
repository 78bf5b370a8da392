import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { BuildError, BuildErrors } from '../errors.ts';
import { formatError } from './errors.ts';
import { makePaint } from './paint.ts';

const paint = makePaint(false);

describe('formatError()', () => {
  test('begins with the place, and walks down the causes', () => {
    const at = { file: join(process.cwd(), 'Release.yaml'), line: 3, column: 7 };
    const cause = new Error('the disk said no', { cause: 'EIO' });
    const error = new BuildError('config/x', 'Cannot read it', { at, cause, hint: 'Try another disk' });
    expect(formatError(error, paint)).toBe(
      [
        'Release.yaml:3:7: error: Cannot read it  [config/x]',
        '  because: the disk said no',
        "  because: 'EIO'",
        '  hint: Try another disk',
      ].join('\n'),
    );
  });

  test('gives each of several findings a block of its own', () => {
    const errors = ['one', 'two'].map((message) => new BuildError('config/x', message, { hint: `not ${message}` }));
    expect(formatError(new BuildErrors(errors), paint)).toBe(
      'error: one  [config/x]\n  hint: not one\nerror: two  [config/x]\n  hint: not two',
    );
  });

  test('shows all that is known of a bug', () => {
    const cause = new Error('deeper');
    const bug = new TypeError('x is undefined', { cause });
    cause.stack = 'Error: deeper\n    at there.ts:3:4';
    bug.stack = 'TypeError: x is undefined\n    at here.ts:1:2';
    expect(formatError(bug, paint)).toBe(
      [
        'internal error: TypeError: x is undefined',
        '    at here.ts:1:2 {',
        '  [cause]: Error: deeper',
        '      at there.ts:3:4',
        '}',
        'This is a bug in Slipway: report it with the text above.',
      ].join('\n'),
    );
  });
});
