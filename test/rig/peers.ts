import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { runCommand } from '../../tools/process/command.ts';
import { programOf } from '../../tools/sandbox/program.ts';
import { freePort } from './free-port.ts';
import { pythonTask } from './peers/python.ts';
import { enterRoot, openTestRoot } from './peers/root.ts';

/** A server that listens on the loopback interface until its scope ends. */
export interface PeerServer extends AsyncDisposable {
  readonly url: string;
}

export interface PeerRun {
  readonly status: number | undefined;
  readonly output: string;
}

export interface PeerOptions {
  /** Host directories that it may write to, at the same paths. */
  readonly binds?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Debian's own Python packages unless told: `pinned` puts those of requirements.txt before them. */
  readonly python?: 'debian' | 'pinned';
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

const START_TIMEOUT_MS = 60_000;
const POLL_MS = 100;

/** Other people's servers and readers, out of the tool root `peers`: in a sandbox, as whoever runs the tests, with this machine's network. */
export class Peers {
  readonly #root: string;
  readonly #env: string;

  private constructor(root: string, env: string) {
    this.#root = root;
    this.#env = env;
  }

  static async create(): Promise<Peers> {
    await using opened = await openTestRoot('peers');
    const python = pythonTask(opened.root, opened.store);
    const built = await opened.build([python]);
    return new Peers(opened.store.pathOf(opened.layer), opened.store.pathOf(built.output(python, python.tree)));
  }

  /** S3, KMS, EC2, SSM and more, answering as the cloud does. State is in memory. Any credentials will do. */
  startMinistack(): Promise<PeerServer> {
    return this.#serve(() => ['python3', '-m', 'ministack'], {
      python: 'pinned',
      env: (port) => ({ GATEWAY_PORT: String(port), BIND_HOST: '127.0.0.1', LOG_LEVEL: 'WARNING' }),
    });
  }

  /** SSM as moto does it; its KMS and S3 are laxer than the real ones. */
  startMoto(): Promise<PeerServer> {
    return this.#serve((port) => ['moto_server', '-H', '127.0.0.1', '-p', String(port)], { env: () => ({}) });
  }

  /** python-tuf's client, which answers questions about repositories (peers/tuf-client.py); it may write below `dir`. */
  startPythonTuf(dir: string): Promise<PeerServer> {
    const script = join(import.meta.dirname, 'peers', 'tuf-client.py');
    return this.#serve((port) => ['python3', script, String(port)], {
      python: 'pinned',
      env: () => ({}),
      binds: [dir],
    });
  }

  /** Runs a Python program with the pinned packages (`tuf` among them) importable. */
  python(script: string, args: readonly string[], options: PeerOptions = {}): Promise<PeerRun> {
    return this.run(['python3', script, ...args], { python: 'pinned', ...options });
  }

  /** Runs any program of the root to its end. It can read the checkout's tests and what `binds` names. */
  async run(argv: readonly string[], options: PeerOptions = {}): Promise<PeerRun> {
    const lines: string[] = [];
    const onLine = (line: string): void => {
      lines.push(line);
      options.onLine?.(line);
    };
    const { signal } = options;
    const { status } = await runCommand(this.#argv(argv, options), { env: {}, onLine, ...(signal && { signal }) });
    return { status, output: lines.join('\n') };
  }

  /** A file of the root, on the host. */
  path(file: string): string {
    return `${this.#root}/${file}`;
  }

  /** The start of a command line that runs a program of the root outside of any sandbox. */
  program(path: string): string[] {
    return programOf(this.#root, path);
  }

  async #serve(
    argv: (port: number) => readonly string[],
    { env, ...others }: { env: (port: number) => Record<string, string> } & Pick<PeerOptions, 'python' | 'binds'>,
  ): Promise<PeerServer> {
    const port = await freePort();
    const stop = new AbortController();
    const lines: string[] = [];
    const onLine = (line: string): void => void lines.push(line);
    const options = { ...others, env: env(port), onLine, signal: stop.signal };
    const ended = this.run(argv(port), options).catch(() => undefined);
    const url = `http://127.0.0.1:${port}`;
    const dispose = async (): Promise<void> => {
      stop.abort();
      await ended;
    };
    const early = ended.then(() =>
      Promise.reject(new Error(`${argv(port).join(' ')} has ended:\n${lines.join('\n')}`)),
    );
    try {
      await Promise.race([untilAnswers(url), early]);
    } catch (error) {
      await dispose();
      throw error;
    }
    early.catch(() => undefined);
    return { url, [Symbol.asyncDispose]: dispose };
  }

  #argv(argv: readonly string[], { binds = [], env = {}, python = 'debian' }: PeerOptions): string[] {
    const tests = import.meta.dirname.replace(/\/rig$/, '');
    const settings = {
      PATH: '/usr/bin',
      HOME: '/tmp',
      LANG: 'C.UTF-8',
      PYTHONDONTWRITEBYTECODE: '1',
      ...(python === 'pinned' ? { PYTHONPATH: '/slipway/python' } : {}),
      ...env,
    };
    const mounts = [...binds.flatMap((path) => ['--bind', path, path]), '--ro-bind', this.#env, '/slipway/python'];
    const variables = Object.entries(settings).flatMap(([name, value]) => ['--setenv', name, value]);
    return [...enterRoot(this.#root), ...mounts, '--ro-bind', tests, tests, '--clearenv', ...variables, '--', ...argv];
  }
}

async function untilAnswers(url: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      const response = await fetch(url);
      await response.body?.cancel();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(POLL_MS);
    }
  }
}
