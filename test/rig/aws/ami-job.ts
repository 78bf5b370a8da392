import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

import { CHECKOUT } from '../rig.ts';
import type { AmiJob } from './ami-child.ts';
import { makeDisk } from './disk-fixture.ts';
import { BLOCK_BYTES } from './world.ts';
import type { DiskFixture, DiskPlan } from './disk-fixture.ts';
import type { AwsEndpoint } from './endpoint.ts';

export interface JobEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  /** Of a run that came to its end, the most memory it had. */
  readonly peakMiB: number;
}

export const TINY_BYTES = 6 * BLOCK_BYTES;

/** `ami create` of tiny disks, by the domain's own function in a process that can be killed. */
export class AmiRig implements AsyncDisposable {
  readonly dir: string;
  readonly disks: readonly [DiskFixture, DiskFixture];

  private constructor(dir: string, disks: readonly [DiskFixture, DiskFixture]) {
    this.dir = dir;
    this.disks = disks;
  }

  static async create(): Promise<AmiRig> {
    return await AmiRig.of({ bytes: TINY_BYTES, blocks: { 0: 'a', 2: 'b', 5: 'c' } });
  }

  /** With an OS disk of one's own. */
  static async of(osDisk: DiskPlan): Promise<AmiRig> {
    const dir = await mkdtemp(join(tmpdir(), 'slipway-ami-'));
    const os = await makeDisk(join(dir, 'os.img.lz4'), osDisk);
    const data = await makeDisk(join(dir, 'data.img.lz4'), { bytes: TINY_BYTES, blocks: { 1: 'd' } });
    return new AmiRig(dir, [os, data]);
  }

  /** A new directory for the state of one series of runs. */
  async freshState(): Promise<string> {
    return await mkdtemp(join(this.dir, 'state-'));
  }

  async run(
    endpoint: AwsEndpoint,
    {
      stateDir,
      config,
      patienceMs = 10_000,
      kill,
    }: { stateDir: string; config: AmiJob['config']; patienceMs?: number; kill?: AbortSignal },
  ): Promise<JobEnd> {
    const [os, data] = this.disks;
    const disks = [
      { disk: 'os' as const, ...os, volumeGiB: 2 },
      { disk: 'data' as const, ...data, volumeGiB: 20 },
    ];
    const job: AmiJob = { disks, config, stateDir, amisPath: join(stateDir, 'amis.json'), patienceMs };
    const path = join(stateDir, 'job.json');
    await writeFile(path, JSON.stringify(job));
    const child = spawn(process.execPath, ['--import', 'tsx', join(CHECKOUT, 'test/rig/aws/ami-child.ts'), path], {
      cwd: CHECKOUT,
      env: { PATH: process.env['PATH'], HOME: this.dir, ...endpoint.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    kill?.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status, signal) => resolve({ status, signal, stderr, peakMiB: Number(stdout) / 1024 }));
    });
  }

  /** Those that amis.json has. */
  async regions(stateDir: string): Promise<string[]> {
    const amis: unknown = JSON.parse(await readFile(join(stateDir, 'amis.json'), 'utf8'));
    return Object.keys(z.record(z.string(), z.unknown()).parse(amis));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}
