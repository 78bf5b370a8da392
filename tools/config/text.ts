import { readFileSync } from 'node:fs';

import { BuildError } from '../errors.ts';

/** A file of the user's; that it cannot be read is one complaint among others. */
export function readText(file: string, errors: BuildError[]): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    errors.push(new BuildError('config/unreadable', `Cannot read "${file}"`, { cause }));
    return undefined;
  }
}
