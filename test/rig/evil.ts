import { createHash, createPrivateKey, sign } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { canonicalize } from '@tufjs/canonical-json';
import { z } from 'zod';

import type { Misbehaviour } from '../../tools/tuf/serve-file.ts';
import { UpdateRig } from './update-rig.ts';

const envelopeSchema = z.object({
  signed: z.looseObject({ version: z.number() }),
  signatures: z.array(z.object({ keyid: z.string(), sig: z.string() })),
});
export type Envelope = z.output<typeof envelopeSchema>;

export interface Verdict {
  readonly ours: string;
  readonly python: string;
}

export const IMAGE = 'slipway-metal-dev-x86_64-1.0.0-abcd1234-root.erofs.lz4';

/**
 * A repository in three states: as it was published, refreshed since, and as somebody leaves it who holds the place where hosts read (TUF 1.5.2) and
 * now and then its key.
 */
export class Evil implements AsyncDisposable {
  readonly rig: UpdateRig;
  #clients = 0;

  private constructor(rig: UpdateRig) {
    this.rig = rig;
  }

  static async create(): Promise<Evil> {
    const rig = await UpdateRig.create();
    const made = new Evil(rig);
    await rig.build({ version: '1.0.0' });
    await rig.ok('repo', 'create', '--variant', 'metal-dev');
    await rig.ok('repo', 'publish', '--to', `file:${made.good}`);
    cpSync(made.good, made.newer, { recursive: true });
    await rig.ok('repo', 'refresh', '--variant', 'metal-dev', '--base', `file:${made.newer}`);
    await rig.ok('repo', 'publish', '--to', `file:${made.newer}`);
    return made;
  }

  get good(): string {
    return join(this.rig.dir, 'good');
  }

  get newer(): string {
    return join(this.rig.dir, 'newer');
  }

  get spoilt(): string {
    return join(this.rig.dir, 'evil');
  }

  /** The evil copy is the good one again. */
  begin(): void {
    rmSync(this.spoilt, { recursive: true, force: true });
    cpSync(this.good, this.spoilt, { recursive: true });
  }

  get devDir(): string {
    return join(this.rig.dir, '.config', 'slipway', 'repositories', 'default');
  }

  metadata(dir: string, file: string): string {
    return join(dir, 'metal-dev', 'x86_64', file);
  }

  /** The newest of a role. */
  fileOf(dir: string, role: string): string {
    const names = readdirSync(this.metadata(dir, '')).filter((name) => name.endsWith(`${role}.json`));
    return names.toSorted().at(-1) ?? '';
  }

  read(dir: string, file: string): Envelope {
    return envelopeSchema.parse(JSON.parse(readFileSync(this.metadata(dir, file), 'utf8')));
  }

  /** Writes metadata with other words, signed by whoever holds the repository's key. */
  resign(file: string, change: (signed: Envelope['signed']) => object): void {
    const { signed, signatures } = this.read(this.spoilt, file);
    const other = change(signed);
    const key = createPrivateKey(readFileSync(join(this.devDir, 'dev-key.pem')));
    const sig = sign(null, Buffer.from(canonicalize(other)), key).toString('hex');
    writeFileSync(
      this.metadata(this.spoilt, file),
      JSON.stringify({ signed: other, signatures: [{ keyid: signatures[0]?.keyid ?? '', sig }] }),
    );
  }

  /** Other targets, under a snapshot and a timestamp that speak of them. */
  resignTargets(change: (signed: Envelope['signed']) => object): void {
    const [targets, snapshot] = [this.fileOf(this.spoilt, 'targets'), this.fileOf(this.spoilt, 'snapshot')];
    this.resign(targets, change);
    this.resign(snapshot, (signed) => ({ ...signed, meta: { 'targets.json': this.#metaOf(targets) } }));
    this.pointTo(snapshot);
  }

  /** Makes the timestamp speak of a snapshot of these bytes. */
  pointTo(file: string): void {
    const meta = { 'snapshot.json': this.#metaOf(file) };
    this.resign('timestamp.json', (timestamp) => ({ ...timestamp, version: timestamp.version + 1, meta }));
  }

  #metaOf(file: string): object {
    const bytes = readFileSync(this.metadata(this.spoilt, file));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { version: this.read(this.spoilt, file).signed.version, length: bytes.length, hashes: { sha256 } };
  }

  /** What our client and python-tuf's say of the evil copy; `seen`: what they have read before. */
  async verdict({
    seen,
    misbehave = [],
  }: { seen?: string; misbehave?: readonly Misbehaviour[] } = {}): Promise<Verdict> {
    this.#clients += 1;
    const client = `client-${this.#clients}`;
    // A port is a repository to our client: it remembers by address, so the same server shows both.
    const shown = join(this.rig.dir, 'shown');
    rmSync(shown, { recursive: true, force: true });
    cpSync(seen ?? this.spoilt, shown, { recursive: true });
    await using server = await this.rig.serve(shown, ...(seen === undefined ? misbehave : []));
    const python = async (): Promise<string> => {
      const root = join(this.devDir, 'roots', '1.root.json');
      const answer = await this.rig.pythonTuf(server.url, { root, names: [IMAGE], client });
      return 'error' in answer ? answer.error : 'accepted';
    };
    const ours = (): Promise<string> =>
      this.rig.refusal('repo', 'download', '--variant', 'metal-dev', '--base', server.url, '--out', this.downloads);
    if (seen !== undefined) {
      const first = { ours: await ours(), python: await python() };
      if (first.ours !== '0' || first.python !== 'accepted')
        throw new Error(`Expected both to read what is good, got ${JSON.stringify(first)}`);
      rmSync(shown, { recursive: true });
      rmSync(this.downloads, { recursive: true });
      rmSync(join(this.rig.dir, 'python', client, 'targets'), { recursive: true });
      cpSync(this.spoilt, shown, { recursive: true });
    }
    return { ours: await ours(), python: await python() };
  }

  /** Where our client of the last verdict puts what it takes. */
  get downloads(): string {
    return join(this.rig.dir, 'out', `client-${this.#clients}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]();
  }
}
