import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { z } from 'zod';

import { runCommand } from '../../tools/process/command.ts';
import { CHECKOUT, Rig } from './rig.ts';
import { SandboxRig } from './sandbox-rig.ts';

export const USERNAME = 'builder';
export const PASSWORD = 'correct horse battery staple';

const built = z.object({
  type: z.literal('result'),
  data: z.object({ rpms: z.array(z.object({ path: z.string() })) }),
});

/** govmomi's simulator of a vCenter with two datacenters, and the same client that the verbs drive, to look into it. */
export class Vcenter implements AsyncDisposable {
  readonly url: string;
  readonly #dir: string;
  readonly #stop: () => Promise<void>;

  private constructor(url: string, dir: string, stop: () => Promise<void>) {
    this.url = url;
    this.#dir = dir;
    this.#stop = stop;
  }

  /** Programs of package govc go into the rig's folder. */
  static async start({ dir }: Rig): Promise<Vcenter> {
    await unpackGovc(dir);
    const child = spawn(join(dir, 'vcsim'), ['2'], {
      env: { VCSIM_USERNAME: USERNAME, VCSIM_PASSWORD: PASSWORD },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [url] = z.tuple([z.string()]).parse(await once(createInterface({ input: child.stdout }), 'line'));
    return new Vcenter(url, dir, async () => {
      child.stdin.end();
      await once(child, 'close');
    });
  }

  /** What govc prints. */
  async govc(...argv: readonly string[]): Promise<string> {
    const lines: string[] = [];
    const env = {
      HOME: this.#dir,
      GOVC_URL: this.url,
      GOVC_USERNAME: USERNAME,
      GOVC_PASSWORD: PASSWORD,
      GOVC_INSECURE: '1',
    };
    const { status } = await runCommand([join(this.#dir, 'govc'), ...argv], {
      env,
      onLine: (line) => lines.push(line),
    });
    if (status !== 0) throw new Error(`govc ${argv.join(' ')}: ${lines.join('\n')}`);
    return lines.join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}

async function unpackGovc(dir: string): Promise<void> {
  await using outside = await Rig.create({});
  const events = await outside.events('-C', CHECKOUT, 'build', '--package', 'govc');
  const { data } = built.parse(events.at(-1));
  await using sdk = await SandboxRig.create();
  const { result, task } = await sdk.run({
    argv: [
      'bash',
      '-euc',
      'rpm2cpio /slipway/in/rpm > payload; cpio -idm --quiet < payload; cp */sys-root/usr/bin/* /slipway/out',
    ],
    inputs: { '/slipway/in/rpm': await sdk.store.putFile(data.rpms[0]?.path ?? '') },
    outputs: { type: 'named', names: { govc: 'file', vcsim: 'file' } },
  });
  for (const name of ['govc', 'vcsim']) {
    await copyFile(sdk.store.pathOf(result.output(task, name)), join(dir, name));
    await chmod(join(dir, name), 0o755);
  }
}
