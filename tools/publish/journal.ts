import { BuildError } from '../errors.ts';

/** Says what a failed write to a journal means. */
export function guard<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw new BuildError('publish/journal', `Cannot write the journal "${path}": nothing is changed without it`, {
      cause,
      hint: 'Make room on that disk, or make the directory yours; what was done so far is kept',
    });
  }
}
