import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Time between asking a process group to end and ending it. */
const GRACE_MS = 3000;

export interface CommandOptions {
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Each line of stdout and stderr, as it comes. Absent: the terminal is the child's (`stdio: inherit`). */
  readonly onLine?: (line: string) => void;
  /** Descriptors the child gets as 3, 4, ... */
  readonly fds?: readonly number[];
  /** SIGTERM to the whole process group, SIGKILL soon after. */
  readonly signal?: AbortSignal;
}

export interface CommandResult {
  readonly status: number | undefined;
  readonly killedBy: NodeJS.Signals | undefined;
  readonly durationMs: number;
}

/** Runs a program to its end. Only a program that cannot be started throws; how it ended is for the caller to judge. */
export async function runCommand(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const { onLine, signal } = options;
  signal?.throwIfAborted();
  const started = performance.now();
  const child = start(argv, options);
  function stop(): void {
    stopGroup(child);
  }
  signal?.addEventListener('abort', stop, { once: true });
  // With the terminal the child has its Ctrl-C: that is not meant for us.
  if (onLine === undefined) process.on('SIGINT', ignore);
  try {
    const lines = onLine === undefined ? [] : [child.stdout, child.stderr].map((stream) => readLines(stream, onLine));
    const end = await ended(child);
    await Promise.all(lines);
    return { ...end, durationMs: performance.now() - started };
  } finally {
    signal?.removeEventListener('abort', stop);
    process.off('SIGINT', ignore);
  }
}

function start([program, ...args]: readonly string[], { env, cwd, fds = [], onLine }: CommandOptions): ChildProcess {
  if (program === undefined) throw new TypeError('Expected a program to run, got an empty argv');
  const captured = onLine !== undefined;
  return spawn(program, args, {
    cwd,
    env,
    // Its own process group, so that a Ctrl-C meant for us does not reach it before we have said what happens.
    detached: captured,
    stdio: [
      captured ? 'ignore' : 'inherit',
      ...(captured ? (['pipe', 'pipe'] as const) : (['inherit', 'inherit'] as const)),
      ...fds,
    ],
  });
}

function ended(child: ChildProcess): Promise<Omit<CommandResult, 'durationMs'>> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, killedBy) =>
      resolve({ status: status ?? undefined, killedBy: killedBy ?? undefined }),
    );
  });
}

async function readLines(stream: Readable | null, onLine: (line: string) => void): Promise<void> {
  if (stream === null) return;
  for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
    onLine(line);
  }
}

function ignore(): void {}

function stopGroup(child: ChildProcess): void {
  kill(child, 'SIGTERM');
  const timer = setTimeout(() => kill(child, 'SIGKILL'), GRACE_MS);
  child.once('close', () => clearTimeout(timer));
}

function kill({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has ended by itself.
  }
}

/** The command as one can paste it into a shell. */
export function quoteCommand(argv: readonly string[]): string {
  return argv.map(quote).join(' ');
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
