import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { z } from 'zod';

import { Ceremony } from './ceremony.ts';

/** The machine of releases has the online key alone; of the targets' keys, the public halves at most. */
const SIGNING = `
      targets: [{ file: { path: keys/bob.pub.pem } }, { file: { path: /nowhere/alice.pem } }]
      snapshot: { file: { path: keys/online.pem } }
      timestamp: { file: { path: keys/online.pem } }`;

function infra(signing: string): string {
  return `repo:\n  acme:\n    root-keys: { file: { path: keys/root.pem } }\n    signing-keys: ${signing}\n`;
}

const requestSchema = z.looseObject({
  role: z.string(),
  sha256: z.string(),
  keys: z.array(z.object({ id: z.string(), key: z.looseObject({ keytype: z.string() }), signed: z.boolean() })),
});

/** RSA with PSS, as openssl is told of it. */
export function pss(salt: number | 'max'): readonly string[] {
  const options = ['rsa_padding_mode:pss', `rsa_pss_saltlen:${salt}`, 'rsa_mgf1_md:sha256'];
  return ['-digest', 'sha256', ...options.flatMap((option) => ['-pkeyopt', option])];
}

/** A team whose keys of targets are on no machine of ours: alice has Ed25519, bob RSA, carol ECDSA. */
export class SignLater {
  readonly ceremony: Ceremony;
  readonly fleet = ['--variant', 'metal-dev'];

  private constructor(ceremony: Ceremony) {
    this.ceremony = ceremony;
  }

  static async create(): Promise<SignLater> {
    const team = new SignLater(await Ceremony.createEmpty(infra(SIGNING)));
    const { ceremony } = team;
    const { rig } = ceremony;
    for (const [name, type] of [
      ['root', 'ed25519'],
      ['online', 'ed25519'],
      ['alice', 'ed25519'],
      ['bob', 'rsa'],
      ['carol', 'p256'],
      ['mallory', 'rsa'],
    ] as const)
      await ceremony.makeKey(name, type);
    await rig.ok('root', 'init', '--expires', '30 weeks');
    await ceremony.addKey('root', 'root');
    for (const name of ['alice', 'bob', 'carol']) await ceremony.addKey(name, 'targets');
    await ceremony.addKey('online', 'snapshot', 'timestamp');
    await rig.ok('root', 'set-threshold', '--role', 'targets', '--threshold', '2');
    await rig.ok('root', 'sign');
    mkdirSync(join(rig.dir, 'away'));
    for (const name of ['alice', 'bob', 'carol', 'mallory']) renameSync(ceremony.key(`${name}.pem`), team.away(name));
    return team;
  }

  /** Other keys at hand; as at first unless told. */
  async configure(signing = SIGNING): Promise<void> {
    await this.ceremony.rig.rig.write({ 'Infra.yaml': infra(signing) });
  }

  get base(): string[] {
    return ['--base', `file:${this.ceremony.published}`];
  }

  /** Where requests are written. */
  get folder(): string {
    return this.stick('request');
  }

  stick(name: string): string {
    return join(this.ceremony.rig.dir, 'media', name);
  }

  /** A private half, where no configuration looks for it. */
  away(name: string): string {
    return join(this.ceremony.rig.dir, 'away', `${name}.pem`);
  }

  path(file: string, folder = this.folder): string {
    return join(folder, 'metal-dev', 'x86_64', file);
  }

  relative(file: string): string {
    return relative(this.ceremony.rig.dir, this.path(file));
  }

  sha256(file: string): string {
    return createHash('sha256')
      .update(readFileSync(this.path(file)))
      .digest('hex');
  }

  request(): z.output<typeof requestSchema> {
    return requestSchema.parse(JSON.parse(readFileSync(this.path('request.json'), 'utf8')));
  }

  /** An empty folder. */
  clear(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A signature as text, as people send them. */
  recode(file: string, encoding: 'hex' | 'base64'): void {
    writeFileSync(this.path(file), `${readFileSync(this.path(file)).toString(encoding)}\n`);
  }

  rewriteRequest(change: Readonly<Record<string, unknown>>): void {
    writeFileSync(this.path('request.json'), JSON.stringify({ ...this.request(), ...change }));
  }

  signatures(): readonly string[] {
    return readdirSync(dirname(this.path(''))).filter((name) => name.endsWith('.sig'));
  }

  /** The id of a person's key, of the order in which they were added. */
  id(name: 'alice' | 'bob' | 'carol'): string {
    return this.request().keys[['alice', 'bob', 'carol'].indexOf(name)]?.id ?? '';
  }

  /** Signs with openssl, and nothing of ours. `out`: beside what is signed. */
  openssl(
    name: string,
    { in: from, out, options = [] }: { in: string; out: string; options?: readonly string[] },
  ): void {
    const [program = '', ...loader] = this.ceremony.rig.peers.program('usr/bin/openssl');
    const argv = ['pkeyutl', '-sign', '-rawin', '-inkey', this.away(name), '-in', from, ...options];
    writeFileSync(join(dirname(from), out), execFileSync(program, [...loader, ...argv]));
  }
}
