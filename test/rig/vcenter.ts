import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { z } from 'zod';

import { runCommand } from '../../tools/process/command.ts';
import { bringPrograms } from './built-programs.ts';
import type { Rig } from './rig.ts';

export const USERNAME = 'builder';
export const PASSWORD = 'correct horse battery staple';

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
    await bringPrograms(dir, 'govc', ['govc', 'vcsim']);
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
