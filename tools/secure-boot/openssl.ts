import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import { runCommand } from '../process/command.ts';
import { programOf } from '../sandbox/program.ts';

/**
 * OpenSSL of a tool root, outside of any sandbox: it reads private keys, and no task may. They reach it by path, a passphrase by a file.
 * @throws BuildError secure-boot/openssl-failed
 */
export async function runOpenssl(root: string, dir: string, args: readonly string[]): Promise<void> {
  const lines: string[] = [];
  const { status } = await runCommand([...programOf(root, 'usr/bin/openssl'), ...args], {
    cwd: dir,
    env: { OPENSSL_CONF: '/dev/null', OPENSSL_MODULES: join(root, 'usr/lib/ossl-modules') },
    onLine: (line) => lines.push(line),
  });
  if (status === 0) return;
  const cause = new Error(lines.slice(-5).join('\n'));
  throw new BuildError('secure-boot/openssl-failed', `Cannot make a certificate: openssl exited with ${status}`, {
    cause,
  });
}
