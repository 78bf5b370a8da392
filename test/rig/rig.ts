import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { z } from 'zod';

import type { Files } from './fixtures.ts';

export const CHECKOUT = join(import.meta.dirname, '..', '..');

/** The store that tests share with the person who runs them: tool roots and packages in it are not made again. */
export const SHARED_STORE =
  process.env['SLIPWAY_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'slipway');

export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Beside PATH and what the rig sets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the run as soon as it prints such a line on stdout. */
  readonly killWhen?: (line: string) => boolean;
  /** SIGKILL unless told. */
  readonly killBy?: NodeJS.Signals;
}

/** A checkout of a test's own in a folder of its own, driven by the real command line. */
export class Rig implements AsyncDisposable {
  readonly dir: string;
  readonly store: string;

  private constructor(dir: string, store: string) {
    this.dir = dir;
    this.store = store;
  }

  /** `store` is the shared one unless told; a test that breaks stores brings its own. */
  static async create(files: Files, store = SHARED_STORE): Promise<Rig> {
    const rig = new Rig(await mkdtemp(join(tmpdir(), 'slipway-test-')), store);
    await rig.write(files);
    return rig;
  }

  async write(files: Files): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      const file = join(this.dir, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  }

  /** Runs `Makefile.ts` on this checkout. */
  make(...argv: readonly string[]): Promise<Finished> {
    return this.makeWith({}, ...argv);
  }

  /** The same, of what has to work before a test can begin. */
  async succeed(...argv: readonly string[]): Promise<void> {
    const { status, stderr } = await this.make(...argv);
    if (status !== 0) throw new Error(`Cannot ${argv.join(' ')}: ${stderr}`);
  }

  async makeWith(
    { env = {}, killWhen, killBy = 'SIGKILL' }: RunOptions,
    ...argv: readonly string[]
  ): Promise<Finished> {
    const child = spawn(process.execPath, ['--import', 'tsx', join(CHECKOUT, 'Makefile.ts'), '-C', this.dir, ...argv], {
      cwd: CHECKOUT,
      env: { PATH: process.env['PATH'], HOME: this.dir, SLIPWAY_CACHE: this.store, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (!child.killed && killWhen !== undefined && stdout.split('\n').some(killWhen)) child.kill(killBy);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status, signal) =>
        resolve({ status, signal, stdout: this.#anonymous(stdout), stderr: this.#anonymous(stderr) }),
      );
    });
  }

  /** Events of a `--json` run. */
  async events(...argv: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { stdout } = await this.make('--json', ...argv);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => z.record(z.string(), z.unknown()).parse(JSON.parse(line)));
  }

  /** The checkout's own folder has another name in each run. */
  #anonymous(text: string): string {
    return text.replaceAll(this.dir, '<checkout>');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}
