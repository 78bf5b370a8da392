import { BuildError } from '../errors.ts';
import type { Digest } from '../graph/digest.ts';
import type { TargetFiles } from './editor.ts';

/** A file of this machine that is to become a target. */
export interface TargetSource {
  readonly name: string;
  readonly path: string;
  /** What it has to be, where someone knows. */
  readonly sha256?: string | undefined;
}

/** A target in the stage, as `<sha256>.<name>`. */
export interface StagedTarget extends Digest {
  readonly name: string;
  readonly path: string;
  /** Whether these are bytes that we wrote, or the file that was hashed itself. */
  readonly made: 'written' | 'linked';
}

export function targetFileName(sha256: string, name: string): string {
  return `${sha256}.${name}`;
}

export function targetFilesOf(staged: readonly StagedTarget[]): TargetFiles {
  return Object.fromEntries(staged.map(({ name, hash, size }) => [name, { length: size, hashes: { sha256: hash } }]));
}

/**
 * Names are flat: of those with a `/`, clients disagree where the digest goes. And they climb nowhere, whatever joins them to a path.
 */
export function targetNameComplaint(name: string): BuildError | undefined {
  if (/^[A-Za-z0-9_][A-Za-z0-9._+~-]{0,199}$/.test(name)) return undefined;
  const expected = 'letters, digits and "._+~-", at most 200, the first of them no "." or "-"';
  return new BuildError(
    'tuf/bad-target-name',
    `Cannot take ${JSON.stringify(name)} as the name of a target: expected ${expected}`,
  );
}
