import { BuildError } from '../errors.ts';

/** What `read` makes of a file; undefined, and a complaint, where that fails. */
// oxlint-disable-next-line max-params -- what is read, as what, where complaints go, and how
export function attempt<T>(file: string, what: string, errors: BuildError[], read: () => T): T | undefined {
  try {
    return read();
  } catch (cause) {
    errors.push(new BuildError('secure-boot/unreadable', `Cannot read "${file}" as ${what}`, { cause }));
    return undefined;
  }
}
