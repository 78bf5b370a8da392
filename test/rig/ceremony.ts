import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { UpdateRig } from './update-rig.ts';

/** Keys of several people and kinds, each for the roles of a repository. */
export const INFRA = `repo:
  acme:
    signing-keys:
      targets: [{ file: { path: keys/targets-1.pem } }, { file: { path: keys/targets-2.pem } }]
      snapshot: { file: { path: keys/online.pem } }
      timestamp: { file: { path: keys/online.pem } }
    root-keys: [{ file: { path: keys/alice.pem } }, { file: { path: keys/bob.pem, passphrase-file: keys/bob.passphrase } }]
`;

const rootSchema = z.object({
  signed: z.object({
    version: z.number(),
    keys: z.record(z.string(), z.object({ keytype: z.string() })),
    roles: z.record(z.string(), z.object({ threshold: z.number(), keyids: z.array(z.string()) })),
  }),
  signatures: z.array(z.object({ keyid: z.string() })),
});

/** The people who hold the keys of a repository, before there is a root. */
export class Ceremony implements AsyncDisposable {
  readonly rig: UpdateRig;

  private constructor(rig: UpdateRig) {
    this.rig = rig;
  }

  static async create(): Promise<Ceremony> {
    const ceremony = await Ceremony.createEmpty(INFRA);
    await ceremony.rig.rig.write({ 'keys/bob.passphrase': 'correct horse\n' });
    await ceremony.makeKey('alice', 'ed25519');
    await ceremony.makeKey('bob', 'rsa', '--passphrase-file', ceremony.key('bob.passphrase'));
    await ceremony.makeKey('carol', 'p256');
    await ceremony.makeKey('targets-1', 'rsa');
    await ceremony.makeKey('targets-2', 'p256');
    await ceremony.makeKey('online', 'ed25519');
    return ceremony;
  }

  /** Nobody has a key yet. */
  static async createEmpty(infra: string): Promise<Ceremony> {
    const ceremony = new Ceremony(await UpdateRig.create());
    await ceremony.rig.rig.write({ 'Infra.yaml': infra });
    return ceremony;
  }

  /** Where the repository is published. */
  get published(): string {
    return join(this.rig.dir, 'published');
  }

  /** `<name>.pem` and `<name>.pub.pem` below keys/. */
  async makeKey(name: string, type: 'rsa' | 'ed25519' | 'p256', ...flags: readonly string[]): Promise<void> {
    await this.rig.ok('root', 'make-key', '--out', this.key(`${name}.pem`), '--type', type, ...flags);
  }

  key(file: string): string {
    return join(this.rig.dir, 'keys', file);
  }

  root(file: string): z.output<typeof rootSchema> {
    return rootSchema.parse(JSON.parse(readFileSync(join(this.rig.dir, 'roles', 'acme', file), 'utf8')));
  }

  async addKey(name: string, ...roles: readonly string[]): Promise<void> {
    await this.rig.ok('root', 'add-key', '--key', `file:keys/${name}.pub.pem`, '--role', ...roles);
  }

  /** A first root that both of its people signed, and one version of a system under it. */
  async publishFirst(): Promise<void> {
    await this.rig.ok('root', 'init', '--expires', '30 weeks');
    for (const name of ['alice', 'bob']) await this.addKey(name, 'root');
    for (const name of ['targets-1', 'targets-2']) await this.addKey(name, 'targets');
    await this.addKey('online', 'snapshot', 'timestamp');
    for (const role of ['root', 'targets'])
      await this.rig.ok('root', 'set-threshold', '--role', role, '--threshold', '2');
    await this.rig.ok('root', 'sign');
    await this.rig.build({ version: '1.0.0' });
    await this.rig.ok('repo', 'create', '--variant', 'metal-dev');
    await this.rig.ok('repo', 'publish', '--to', `file:${this.published}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]();
  }
}
