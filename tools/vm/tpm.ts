import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import type { VmTools } from './tools.ts';

/** A TPM 2.0 beside a machine, with nothing in it. */
export interface Tpm extends AsyncDisposable {
  /** Where QEMU finds it. */
  readonly socket: string;
}

/** Starts swtpm, its state in `dir`. It ends with the machine that is connected to it; with its scope, if none was. */
export async function startTpm(tools: VmTools, dir: string): Promise<Tpm> {
  const [state, socket] = [join(dir, 'tpm'), join(dir, 'tpm.socket')];
  mkdirSync(state);
  // A daemon listens by the time that its parent has ended.
  const service = ['--tpm2', '--tpmstate', `dir=${state}`, '--ctrl', `type=unixio,path=${socket}`];
  await tools.run('bin/swtpm', ['socket', ...service, '--terminate', '--daemon']);
  return {
    socket,
    [Symbol.asyncDispose]: async () => {
      await tools.run('bin/swtpm_ioctl', ['--unix', socket, '-s']).catch(() => undefined);
    },
  };
}
