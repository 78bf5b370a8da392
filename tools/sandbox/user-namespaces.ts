import { readFileSync } from 'node:fs';

import { BuildError } from '../errors.ts';

const SYSCTLS = [
  { path: '/proc/sys/user/max_user_namespaces', forbids: '0', cure: 'sudo sysctl -w user.max_user_namespaces=15000' },
  {
    path: '/proc/sys/kernel/unprivileged_userns_clone',
    forbids: '0',
    cure: 'sudo sysctl -w kernel.unprivileged_userns_clone=1',
  },
  {
    path: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    forbids: '1',
    cure: 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  },
] as const;

/** What a sandbox would be refused, told by the host's settings alone: undefined if nothing forbids it. */
export function probeUserNamespaces(isRoot = process.getuid?.() === 0): BuildError | undefined {
  const forbidding = SYSCTLS.filter(({ path, forbids }) => readSetting(path) === forbids).filter(
    // Root may do what only ordinary users are refused.
    ({ path }) => !isRoot || path.endsWith('max_user_namespaces'),
  );
  if (forbidding.length === 0) return undefined;
  return refused(forbidding.map(({ cure }) => cure).join(' && '));
}

/** The error for a bubblewrap that was refused, with the setting to change if one can be found. */
export function noUserNamespaces(said: string | undefined): BuildError {
  const cause = said === undefined ? undefined : new Error(said);
  return (
    probeUserNamespaces() ??
    refused(
      'In a container, start it with --security-opt seccomp=unconfined --security-opt systempaths=unconfined',
      cause,
    )
  );
}

function refused(hint: string, cause?: Error): BuildError {
  return new BuildError('sandbox/no-user-namespaces', 'Cannot make a sandbox: the host refuses user namespaces', {
    hint,
    cause,
  });
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
