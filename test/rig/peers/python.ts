import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { digestOf } from '../../../tools/graph/digest.ts';
import type { Store } from '../../../tools/graph/store.ts';
import type { Output, RunContext, Task } from '../../../tools/graph/task.ts';
import { runCommand } from '../../../tools/process/command.ts';
import type { ToolRoot } from '../../../tools/sdk/tool-root.ts';
import { enterRoot } from './root.ts';

/** What Debian does not have: wheels, pinned by version and SHA-256. `npx tsx test/rig/peers/lock.ts` writes it. */
export const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');

const ATTEMPTS = 4;
/** Of Debian 13's Python, whatever Python the host has. */
const TAGS = ['--only-binary', ':all:', '--no-deps'];

/** The packages of requirements.txt as one directory for PYTHONPATH. pip knows where they are, as the host is set up; hashes say what they are. */
export function pythonTask(root: ToolRoot, store: Store): Task & { readonly tree: 'env' } {
  const requirements = digestOf(readFileSync(REQUIREMENTS)).hash;
  return {
    id: 'peers/python',
    title: 'Install the peers that Debian does not have',
    needs: root.tasks,
    cost: { cores: 1, memoryMiB: 256, network: true },
    tree: 'env',
    resolve: (inputs) => {
      const layers = root.layers(inputs);
      return {
        key: { type: 'peers-python', compiled: true, requirements, root: layers.map((layer) => layer.digest.hash) },
        run: async (context) => ({ env: await install(pathOf(layers, store), store, context) }),
      };
    },
  };
}

async function install(root: string, store: Store, context: RunContext): Promise<Output> {
  const { workDir } = context;
  await persist(() =>
    runPip(root, ['download', ...TAGS, '--require-hashes', '-r', REQUIREMENTS, '-d', 'wheels'], context),
  );
  const target = ['--no-index', '--no-deps', '--no-compile', '--find-links', 'wheels', '--target', 'env'];
  await runPip(root, ['install', ...target, '--require-hashes', '-r', REQUIREMENTS], context);
  // Trusted by their hash-less header: the tree is never written to, and times in it are all the same.
  await runIn(root, ['-m', 'compileall', '-q', '--invalidation-mode', 'unchecked-hash', 'env'], context);
  return await store.putTree(join(workDir, 'env'));
}

/** Name look-ups fail now and then; what was fetched is asked for again, for pip keeps nothing here. */
async function persist(run: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run();
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

/** Asks pip for what `names` need today: lines of a requirements file, hashes included. */
export async function lockRequirements(root: string, names: readonly string[], context: RunContext): Promise<string> {
  await runPip(root, ['download', '--only-binary', ':all:', '-d', 'wheels', ...names], context);
  const wheels = readdirSync(join(context.workDir, 'wheels')).toSorted();
  return wheels
    .map((wheel) => {
      const [name = '', version = ''] = wheel.split('-');
      const hash = createHash('sha256')
        .update(readFileSync(join(context.workDir, 'wheels', wheel)))
        .digest('hex');
      return `${name.replaceAll('_', '-')}==${version} --hash=sha256:${hash}\n`;
    })
    .join('');
}

async function runPip(root: string, args: readonly string[], context: RunContext): Promise<void> {
  await runIn(root, ['-m', 'pip', '--no-cache-dir', '--disable-pip-version-check', '--retries', '8', ...args], context);
}

/** Python in the root, with the network, the host's pip configuration and its certificates; it may write to the work directory alone. */
async function runIn(root: string, args: readonly string[], context: RunContext): Promise<void> {
  const lines: string[] = [];
  const onLine = (line: string): void => {
    lines.push(line);
    context.log(line);
  };
  const shown = [
    REQUIREMENTS,
    '/etc/resolv.conf',
    '/etc/hosts',
    '/etc/pip.conf',
    '/etc/ssl/certs',
    `${homedir()}/.config/pip`,
  ];
  const binds = shown.filter((path) => existsSync(path)).flatMap((path) => ['--ro-bind', path, path]);
  const { workDir } = context;
  const argv = [...enterRoot(root), '--bind', workDir, workDir, '--chdir', workDir, ...binds, '--', 'python3', ...args];
  const { status } = await runCommand(argv, { env: pipEnvironment(), onLine, signal: context.signal });
  context.signal.throwIfAborted();
  if (status !== 0)
    throw new Error(`Expected Python to end well, got status ${status}:\n${lines.slice(-10).join('\n')}`);
}

function pipEnvironment(): Record<string, string> {
  const wanted = /^(PIP_(EXTRA_)?INDEX_URL|PIP_TRUSTED_HOST|PIP_PROXY|https?_proxy|no_proxy)$/i;
  const own = Object.entries(process.env).filter(
    (entry): entry is [string, string] => wanted.test(entry[0]) && entry[1] !== undefined,
  );
  return {
    PATH: '/usr/bin',
    HOME: homedir(),
    LANG: 'C.UTF-8',
    SSL_CERT_FILE: CERTIFICATES,
    PIP_CERT: CERTIFICATES,
    ...Object.fromEntries(own),
  };
}

const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

function pathOf([layer]: readonly Output[], store: Store): string {
  if (layer === undefined) throw new TypeError('a tool root has a layer');
  return store.pathOf(layer);
}
