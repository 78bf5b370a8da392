import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';

import { BuildError } from '../errors.ts';
import { runCommand, type CommandResult } from '../process/command.ts';
import { findAccelerator } from './accelerator.ts';
import { qemuArguments, qemuProgram, UEFI, type Hardware } from './qemu.ts';
import { SerialLog } from './serial-log.ts';
import { startTpm } from './tpm.ts';
import type { VmTools } from './tools.ts';

export interface CommandOutput {
  readonly status: number;
  readonly output: string;
}

/** The line of /etc/issue, which names the terminal. */
const GREETING = /\(tty\w+\)/;
const TAIL_LINES = 25;
const COMMAND_TIMEOUT_MS = 60_000;
/** A machine without KVM, on a loaded host, takes its time to stop services. */
const SHUTDOWN_TIMEOUT_MS = 120_000;

/** Starts a machine whose serial console is ours. It ends with its scope. */
export async function bootVm(tools: VmTools, hardware: Hardware): Promise<Machine> {
  // A socket's path has at most 107 characters: the store's work directories may be too deep for one.
  const dir = mkdtempSync(join(tmpdir(), 'slipway-vm-'));
  try {
    return await startMachine(tools, hardware, dir);
  } catch (error) {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}

async function startMachine(tools: VmTools, hardware: Hardware, dir: string): Promise<Machine> {
  const path = join(dir, 'serial');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const serial = ['-chardev', `socket,id=serial0,path=${path}`, '-serial', 'chardev:serial0'];
  const stop = new AbortController();
  const complaints: string[] = [];
  const tpm = hardware.tpm && (await startTpm(tools, dir));
  const argv = machineArgv(tools, hardware, { dir, serial, tpm: tpm?.socket });
  const ended = runCommand(argv, { env: {}, onLine: (line) => complaints.push(line), signal: stop.signal });
  const early = ended.then(async ({ status }) => {
    await tpm?.[Symbol.asyncDispose]();
    throw new BuildError(
      'vm/cannot-start',
      `Cannot start the machine: QEMU exited with status ${status ?? 'unknown'}`,
      {
        cause: new Error(complaints.join('\n')),
      },
    );
  });
  const connected = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const socket = await Promise.race([connected, early]).finally(() => server.close());
  early.catch(() => undefined);
  return new Machine({ socket, ended, complaints, stop, dir });
}

/** The command that starts QEMU, with the machine's own UEFI variables in `dir`. */
export function machineArgv(
  tools: VmTools,
  hardware: Hardware,
  { dir, serial, tpm }: { dir: string; serial: readonly string[]; tpm: string | undefined },
): string[] {
  const { arch, firmware } = hardware;
  const variables = join(dir, 'variables.fd');
  if (firmware !== 'bios') {
    copyFileSync(hardware.variables ?? tools.path(UEFI[arch].variables), variables);
    // What the store keeps is read-only.
    chmodSync(variables, 0o600);
  }
  const options = {
    ...hardware,
    accelerator: findAccelerator(arch),
    toolFile: (file: string) => tools.path(file),
    variables,
    serial,
    tpm,
  };
  return tools.argv(qemuProgram(arch), qemuArguments(options));
}

interface MachineParts {
  readonly socket: Socket;
  readonly ended: Promise<CommandResult>;
  /** What QEMU itself says, line by line. */
  readonly complaints: readonly string[];
  readonly stop: AbortController;
  readonly dir: string;
}

/** A running machine, by its serial console. */
export class Machine implements AsyncDisposable {
  readonly serial = new SerialLog();
  readonly #parts: MachineParts;
  readonly #gone = new AbortController();
  #commands = 0;

  constructor(parts: MachineParts) {
    this.#parts = parts;
    parts.socket.on('data', (chunk) => this.serial.append(chunk));
    // A machine that ends resets the line; 'close' follows, behind the last of its words.
    parts.socket.on('error', () => undefined).once('close', () => this.#gone.abort());
  }

  /**
   * Waits until the console has said something, from where the last wait left off.
   * @throws BuildError vm/timeout, vm/ended: with the last lines of the console
   */
  async waitFor(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    const match = await this.serial.wait(pattern, AbortSignal.any([timeout.signal, this.#gone.signal]));
    clearTimeout(timer);
    if (match !== undefined) return match;
    const wanted = `expected ${String(pattern)} on its console`;
    if (this.#gone.signal.aborted) {
      await this.#parts.ended;
      throw this.#error('vm/ended', `${wanted}, but it has ended`);
    }
    throw this.#error('vm/timeout', `${wanted} within ${timeoutMs / 1000} s`);
  }

  type(text: string): void {
    this.#parts.socket.write(text);
  }

  /**
   * Waits for a root shell: whatever its prompt looks like, it can add. Types nothing before a getty has greeted: what comes before the
   * driver is there fills the FIFO of an Arm machine's serial port (PL011), which may then ask for no more.
   */
  async waitForShell(timeoutMs: number): Promise<void> {
    await this.waitFor(GREETING, timeoutMs);
    const ask = setInterval(() => this.type('echo shell-$((40 + 2))\n'), 2000);
    try {
      await this.waitFor(/shell-42/, timeoutMs);
    } finally {
      clearInterval(ask);
    }
  }

  /** Runs a command at the root shell. The console echoes what is typed, so what marks its output is put together by the shell. */
  async run(command: string, timeoutMs = COMMAND_TIMEOUT_MS): Promise<CommandOutput> {
    this.#commands += 1;
    const mark = `${this.#commands}`;
    this.type(`printf '\\n%s-${mark}\\n' begin; { ${command}\n}; printf '\\n%s-${mark} %d\\n' end $?\n`);
    const [, output = '', status] = await this.waitFor(
      new RegExp(`^begin-${mark}\\n([^]*?)\\n?^end-${mark} (\\d+)$`, 'm'),
      timeoutMs,
    );
    return { status: Number(status), output };
  }

  /** Powers off and waits until the machine has ended by itself. */
  async shutdown(): Promise<void> {
    this.type('systemctl poweroff\n');
    const timer = setTimeout(() => this.#parts.stop.abort(), SHUTDOWN_TIMEOUT_MS);
    await this.#parts.ended.finally(() => clearTimeout(timer));
    if (this.#parts.stop.signal.aborted)
      throw this.#error('vm/timeout', `expected it to power off within ${SHUTDOWN_TIMEOUT_MS / 1000} s`);
  }

  /** Ends the machine as a power cut would. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#parts.stop.abort();
    await this.#parts.ended.catch(() => undefined);
    this.#parts.socket.destroy();
    rmSync(this.#parts.dir, { recursive: true, force: true });
  }

  #error(code: 'vm/timeout' | 'vm/ended', finding: string): BuildError {
    const log = join(mkdtempSync(join(tmpdir(), 'slipway-console-')), 'console.log');
    writeFileSync(log, this.serial.text);
    const said = [
      `The console ends with:\n${this.serial.tail(TAIL_LINES)}`,
      ...this.#parts.complaints.slice(-TAIL_LINES),
    ];
    return new BuildError(code, `Cannot go on with the machine: ${finding}`, {
      hint: `Read the whole console in ${log}`,
      cause: new Error(said.join('\n')),
    });
  }
}
