import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runCommand } from '../../tools/process/command.ts';

const CONFIG = `[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:true
[server]
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, IP:10.0.2.2
[client]
extendedKeyUsage = clientAuth
`;

/** Whom a certificate of the authority is for. */
export type Use = 'server' | 'client';

/** A certificate authority for a day, kept by openssl in a folder: `ca.crt`, `ca.key` and what it signs. */
export class Authority {
  readonly dir: string;
  readonly #openssl: readonly string[];

  private constructor(dir: string, openssl: readonly string[]) {
    this.dir = dir;
    this.#openssl = openssl;
  }

  static async create(dir: string, openssl: readonly string[]): Promise<Authority> {
    const authority = new Authority(dir, openssl);
    await writeFile(authority.path('openssl.cnf'), CONFIG);
    await authority.makeKey('ca');
    await authority.#run(
      'req',
      '-x509',
      '-new',
      '-key',
      'ca.key',
      '-subj',
      '/CN=ca',
      '-days',
      '1',
      '-extensions',
      'ca',
      '-out',
      'ca.crt',
    );
    return authority;
  }

  path(file: string): string {
    return join(this.dir, file);
  }

  async makeKey(name: string): Promise<void> {
    await this.#run('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`);
  }

  /** A key and its certificate, `<name>.key` and `<name>.crt`, of a subject such as `/O=system:masters/CN=admin`. */
  async issue(name: string, use: Use, subject: string): Promise<void> {
    await this.makeKey(name);
    await this.#run('req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`);
    await this.#sign(name, use);
  }

  /** The certificate that a request in PEM asks for, in PEM. */
  async sign(request: string, use: Use): Promise<string> {
    await writeFile(this.path('request.csr'), request);
    await this.#sign('request', use);
    return await readFile(this.path('request.crt'), 'utf8');
  }

  async #sign(name: string, use: Use): Promise<void> {
    const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1'];
    const extensions = ['-extfile', 'openssl.cnf', '-extensions', use];
    await this.#run('x509', '-req', '-in', `${name}.csr`, ...authority, ...extensions, '-out', `${name}.crt`);
  }

  async #run(...argv: readonly string[]): Promise<void> {
    const lines: string[] = [];
    const { status } = await runCommand([...this.#openssl, ...argv], {
      cwd: this.dir,
      env: { OPENSSL_CONF: this.path('openssl.cnf') },
      onLine: (line) => lines.push(line),
    });
    if (status !== 0) throw new Error(`openssl ${argv.join(' ')}: ${lines.join('\n')}`);
  }
}
