import { fileURLToPath } from 'node:url';

import { readManifest } from '../config/yaml.ts';
import { BuildError, throwAll } from '../errors.ts';
import type { Host } from './host.ts';
import { lockSchema } from './lock.ts';
import type { Lock } from './lock.ts';
import { requestOf, requestSchema } from './request.ts';
import type { Request } from './request.ts';

export const TOOL_ROOTS = ['sdk', 'image', 'go', 'vm', 'hsm', 'kit', 'peers', 'crates'] as const;
export type ToolRootName = (typeof TOOL_ROOTS)[number];

export function requestFile(name: ToolRootName): string {
  return fileURLToPath(new URL(`${name}.yaml`, import.meta.url));
}

/** A tool root as one kind of host has it. */
export interface HostRoot {
  readonly name: ToolRootName;
  readonly host: Host;
}

export function lockFile({ name, host }: HostRoot): string {
  return fileURLToPath(new URL(`${name}.${host}.lock.yaml`, import.meta.url));
}

/** @throws BuildError config/... */
export function readRequest({ name, host }: HostRoot): Request {
  const errors: BuildError[] = [];
  const request = readManifest(requestFile(name), requestSchema, errors);
  throwAll(errors);
  if (request === undefined) throw new TypeError('a request without complaints has a value');
  return requestOf(request.value, host);
}

/** @throws BuildError config/... */
export function readLock(root: HostRoot): Lock {
  const errors: BuildError[] = [];
  const lock = readManifest(lockFile(root), lockSchema, errors);
  throwAll(errors);
  if (lock === undefined) throw new TypeError('a lock without complaints has a value');
  return lock.value;
}

/** Whether a lock must answer its request. Only the solver of the next lock runs from a root that does not. */
export type LockRule = 'answers-request' | 'any-lock';

/**
 * What a root is made of, and what is done to it.
 * @throws BuildError config/..., sdk/stale-lock
 */
export function readDefinition(
  root: HostRoot,
  rule: LockRule = 'answers-request',
): { readonly request: Request; readonly lock: Lock } {
  const request = readRequest(root);
  const lock = readLock(root);
  if (rule === 'any-lock') return { request, lock };
  const asked = new Set(lock.asked);
  const missing = request.packages.filter((wanted) => !asked.has(wanted));
  if (missing.length > 0 || asked.size !== new Set(request.packages).size || lock.suite !== request.suite)
    throw stale(root, missing);
  return { request, lock };
}

function stale(root: HostRoot, missing: readonly string[]): BuildError {
  const finding =
    missing.length === 0 ? 'its lock was made for another request' : `its lock was made without ${missing.join(', ')}`;
  return new BuildError('sdk/stale-lock', `Cannot make tool root "${root.name}": ${finding}`, {
    at: { file: lockFile(root), line: 1, column: 1 },
    hint: `Run: npx tsx Makefile.ts sdk update ${root.name}`,
  });
}
