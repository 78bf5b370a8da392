import { createHash, createPublicKey } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import type { KeySource } from '../config/infra-repo.ts';
import { BuildError } from '../errors.ts';
import { runCommand } from '../process/command.ts';
import type { KeyContext, Scheme, SchemeOf, ServiceKey } from './service-key.ts';

type TokenSource = Extract<KeySource, { pkcs11: unknown }>['pkcs11'];

/** How the token has to sign, and what it is given: a digest, that with its algorithm as PKCS #1 has it, or the bytes. */
const MECHANISMS = {
  'rsa-pkcs1': { argv: ['--mechanism', 'RSA-PKCS'], input: 'digest-info' },
  'rsa-pss': {
    argv: ['--mechanism', 'RSA-PKCS-PSS', '--hash-algorithm', 'SHA256', '--mgf', 'MGF1-SHA256', '--salt-len', '32'],
    input: 'digest',
  },
  ecdsa: { argv: ['--mechanism', 'ECDSA', '--signature-format', 'openssl'], input: 'digest' },
  ed25519: { argv: ['--mechanism', 'EDDSA'], input: 'bytes' },
} as const satisfies Record<Scheme, { argv: readonly string[]; input: 'digest' | 'digest-info' | 'bytes' }>;

/** RFC 8017, 9.2: DigestInfo of SHA-256, up to the digest. */
const SHA256_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex');

/** The PIN's way to pkcs11-tool: an argument would be in the list of processes. */
const PIN = 'SLIPWAY_PKCS11_PIN';

/**
 * A key pair in a PKCS#11 token, by pkcs11-tool and the token's own module.
 * @throws BuildError keys/service, keys/locked
 */
export async function openPkcs11Key(source: TokenSource, schemeOf: SchemeOf, context: KeyContext): Promise<ServiceKey> {
  const name = `pkcs11:token=${source.token};object=${source.label}`;
  const token = new Token(source, { ...context, name });
  const der = await token.run(['--read-object', '--type', 'pubkey'], { input: undefined, doing: 'open' });
  const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' });
  const mechanism = MECHANISMS[schemeOf(publicKey, name)];
  const pin = await pinOf(source, context, name);
  return {
    publicKey,
    name,
    sign: async (bytes) => {
      const input = inputFor(mechanism.input, bytes);
      const login = ['--login', '--pin', `env:${PIN}`];
      return await token.run(['--sign', ...login, ...mechanism.argv], { input, doing: 'sign with', pin });
    },
  };
}

function inputFor(form: (typeof MECHANISMS)[Scheme]['input'], bytes: Uint8Array): Uint8Array {
  if (form === 'bytes') return bytes;
  const digest = createHash('sha256').update(bytes).digest();
  return form === 'digest' ? digest : Buffer.concat([SHA256_INFO, digest]);
}

interface Request {
  readonly input: Uint8Array | undefined;
  readonly doing: string;
  readonly pin?: string;
}

class Token {
  readonly #source: TokenSource;
  readonly #context: KeyContext & { readonly name: string };

  constructor(source: TokenSource, context: KeyContext & { readonly name: string }) {
    this.#source = source;
    this.#context = context;
  }

  /** Runs pkcs11-tool; what it writes is in a directory that nobody else can read. */
  async run(args: readonly string[], { input, doing, pin }: Request): Promise<Buffer> {
    const { dir, environment, name, pkcs11Tool } = this.#context;
    const { module, token, label } = this.#source;
    const work = await mkdtemp(join(tmpdir(), 'slipway-pkcs11-'));
    const [inFile, outFile] = [join(work, 'in'), join(work, 'out')];
    const lines: string[] = [];
    try {
      if (input !== undefined) await writeFile(inFile, input);
      const which = ['--module', resolve(dir, module), '--token-label', token, '--label', label];
      const files = [...(input === undefined ? [] : ['--input-file', inFile]), '--output-file', outFile];
      const argv = [...(await pkcs11Tool()), ...which, ...args, ...files];
      const env = { ...environment, ...(pin === undefined ? {} : { [PIN]: pin }) };
      const { status } = await runCommand(argv, { env, onLine: (line) => lines.push(line) });
      if (status === 0) return await readFile(outFile);
      throw new BuildError(
        'keys/service',
        `Cannot ${doing} key "${name}": pkcs11-tool exited with status ${status ?? 'unknown'}`,
        {
          cause: new Error(lines.join('; ')),
        },
      );
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
}

async function pinOf({ 'pin-file': file }: TokenSource, { dir, askSecret }: KeyContext, name: string): Promise<string> {
  const pin =
    file === undefined ? await askSecret(`PIN of ${name}: `) : (await readFile(resolve(dir, file), 'utf8')).trimEnd();
  if (pin !== undefined) return pin;
  throw new BuildError(
    'keys/locked',
    `Cannot sign with "${name}": its PIN is wanted, and there is no terminal to ask at`,
    {
      hint: 'Name a file that holds the PIN: pin-file',
    },
  );
}
