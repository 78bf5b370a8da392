import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { RunContext } from '../graph/task.ts';
import { hostCertificates } from '../sandbox/certificates.ts';
import { runOnline } from '../sandbox/online.ts';

/** How this machine is set up for Go's client: which proxies and checksum database it asks, and how it proves who it is. */
export interface GoSettings {
  /** Variables of the environment that concern it. */
  readonly env: Readonly<Record<string, string>>;
  /** Path inside the sandbox -> file of the host. */
  readonly files: Readonly<Record<string, string>>;
}

const WORK = '/slipway/go';
const HOME = `${WORK}/home`;
const CERTIFICATES = '/slipway/certificates.crt';

const OF_GO = ['GOPROXY', 'GONOPROXY', 'GOPRIVATE', 'GOSUMDB', 'GONOSUMDB', 'GOINSECURE'];
const OF_HTTP = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];

/** Picks from an environment what Go's client may see. No address of a registry is ours: the client knows its own. */
export function goSettings(environment: Readonly<Record<string, string | undefined>>, home: string): GoSettings {
  const env = Object.fromEntries(
    [...OF_GO, ...OF_HTTP].flatMap((name): [string, string][] => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const certificates = hostCertificates(environment);
  const files = {
    [`${HOME}/.config/go/env`]:
      environment['GOENV'] ?? join(environment['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'go', 'env'),
    [`${HOME}/.netrc`]: environment['NETRC'] ?? join(home, '.netrc'),
  };
  if (certificates === undefined) return { env, files };
  return { env: { ...env, SSL_CERT_FILE: CERTIFICATES }, files: { ...files, [CERTIFICATES]: certificates } };
}

export interface GoCommand {
  readonly argv: readonly string[];
  /** Host paths, the tool root `go` first and a toolchain over it, if there is one. */
  readonly layers: readonly string[];
  readonly settings: GoSettings;
  /** Path inside -> file of the host. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Where a command may write, and what is left there is found below `outDir` of its context. */
export const GO_OUT = `${WORK}/out`;
/** Where an unpacked toolchain stands in a layer. */
export const GO_ROOT = 'usr/lib/slipway/go';

/** Look-ups fail now and then, and Go's client tries each once. What it has got so far stays in its cache between these. */
const WAITS_MS = [1000, 4000, 15_000];
const TRANSIENT =
  /dial tcp|i\/o timeout|TLS handshake timeout|connection re(?:set|fused)|unexpected EOF|server misbehaving|Temporary failure|context deadline exceeded|5\d\d (?:Internal|Bad Gateway|Service|Gateway)|429 Too Many/;

/** What Go's client said when it gave up. */
export class GoFailure extends Error {
  override readonly name = 'GoFailure';
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.at(-1) ?? 'it said nothing');
    this.lines = lines;
  }
}

/**
 * Runs a command that asks for modules, again when the network failed it. Gives what it printed.
 * @throws GoFailure
 */
export async function runGo(command: GoCommand, context: RunContext): Promise<readonly string[]> {
  for (const directory of ['', 'home', 'home/.config', 'home/.config/go', 'out'])
    mkdirSync(join(context.workDir, 'go', directory), { recursive: true });
  for (const waitMs of [...WAITS_MS, undefined]) {
    const { status, lines } = await runOnce(command, context);
    context.signal.throwIfAborted();
    if (status === 0) return lines;
    if (waitMs === undefined || !lines.some((line) => TRANSIENT.test(line))) throw new GoFailure(complaints(lines));
    context.log(`The network failed; trying again in ${waitMs / 1000} s`);
    await sleep(waitMs, undefined, { signal: context.signal });
  }
  throw new TypeError('the last attempt returns or throws');
}

/** Host path of what a command left below GO_OUT. */
export function outDirOf({ workDir }: Pick<RunContext, 'workDir'>): string {
  return join(workDir, 'go', 'out');
}

async function runOnce(
  { argv, layers, settings, files = {} }: GoCommand,
  context: RunContext,
): Promise<{ status: number | undefined; lines: readonly string[] }> {
  const lines: string[] = [];
  const env = {
    ...settings.env,
    PATH: `/${GO_ROOT}/bin:/usr/bin:/bin`,
    HOME,
    LC_ALL: 'C',
    TZ: 'UTC',
    GOMODCACHE: `${WORK}/modules`,
    GOCACHE: `${WORK}/cache`,
    GOFLAGS: '-modcacherw',
    GOTOOLCHAIN: 'local',
    GOTELEMETRY: 'off',
  };
  const directories = { [WORK]: join(context.workDir, 'go') };
  const command = { argv, env, layers, directories, files: { ...settings.files, ...files } };
  const { status } = await runOnline(command, context, (line) => {
    lines.push(line);
    context.log(line);
  });
  return { status, lines };
}

/** Without what only tells of progress. */
function complaints(lines: readonly string[]): readonly string[] {
  return lines.filter(
    (line) => line !== '' && !/^go: (?:downloading|finding|upgraded|added|found) |is deprecated/.test(line),
  );
}
