import { createHash } from 'node:crypto';

import { BuildError } from '../errors.ts';

export interface Replacing {
  /** What it is to be called. */
  readonly name: string;
  /** Whether what has that name already may go. */
  readonly replace: boolean;
}

/** What is on its way has a name of its own: only what is whole is ever found under the real one. */
const UPLOADING = '.uploading-';

/**
 * A name for the upload of `content`. It is of that content alone, because a datastore may keep the first name of a machine for its
 * folder for ever, and what is replaced is still there meanwhile.
 */
export function asideName(name: string, content: string): string {
  return `${name}${UPLOADING}${createHash('sha256').update(content).digest('hex').slice(0, 8)}`;
}

/** Whether that is an upload of `name`, of whatever content. */
export function isAside(found: string, name: string): boolean {
  return found.startsWith(`${name}${UPLOADING}`);
}

/** @throws BuildError vmware/name-taken */
export function assertNameFree({ name, replace }: Replacing, { site, what }: { site: string; what: string }): void {
  if (replace) return;
  throw new BuildError('vmware/name-taken', `Cannot use the name "${name}" in "${site}": ${what} has it`, {
    hint: 'Replace that with --replace, or give another name by --name',
  });
}

/** vSphere escapes these in names, and inventory paths and patterns give them a meaning. @throws BuildError vmware/bad-name */
export function assertName(name: string): void {
  const MOST = 80 - asideName('', '').length;
  if (/^[^/\\%*?[\]]+$/.test(name) && name.length <= MOST) return;
  throw new BuildError(
    'vmware/bad-name',
    `Cannot use the name "${name}": expected 1 to ${MOST} characters, none of them / \\ % * ? [ ]`,
  );
}
