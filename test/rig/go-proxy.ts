import { homedir } from 'node:os';
import { crc32 } from 'node:zlib';

import { goSettings } from '../../tools/go/client.ts';
import { Toolchains } from '../../tools/go/toolchain.ts';
import type { BuildEvent } from '../../tools/graph/events.ts';
import { runGraph } from '../../tools/graph/scheduler.ts';
import { Store } from '../../tools/graph/store.ts';
import { BubblewrapSandbox } from '../../tools/sandbox/bubblewrap.ts';
import { findMirrors } from '../../tools/sources/mirrors.ts';
import { file, UnrulyServer } from '../../tools/sources/unruly-server.ts';
import type { Answer } from '../../tools/sources/unruly-server.ts';
import type { Files } from './fixtures.ts';
import { SHARED_STORE } from './rig.ts';

/** Of the toolchains, the one that tests compile with. */
export const GO = '1.26.8';

/** A module proxy on loopback, with modules that a test makes. No checksum database knows them. */
export class GoProxy implements AsyncDisposable {
  readonly #server: UnrulyServer;
  readonly #versions = new Map<string, string[]>();

  private constructor(server: UnrulyServer) {
    this.#server = server;
  }

  static async start(): Promise<GoProxy> {
    return new GoProxy(await UnrulyServer.start());
  }

  /** What makes Go's client ask here and nowhere else. */
  get env(): Readonly<Record<string, string>> {
    return { GOPROXY: this.#server.origin, GOSUMDB: 'off', GOENV: 'off' };
  }

  /** Serves a version of a module; `before` is answered first, once. */
  serve(module: string, version: string, { files, before = [] }: { files: Files; before?: readonly Answer[] }): void {
    const versions = [...(this.#versions.get(module) ?? []), version];
    this.#versions.set(module, versions);
    const base = `/${module}/@v`;
    const mod = files['go.mod'] ?? `module ${module}\n`;
    const info = { Version: version, Time: '2020-01-01T00:00:00Z' };
    this.#server.on(`${base}/list`, file(Buffer.from(`${versions.join('\n')}\n`)));
    this.#server.on(`${base}/${version}.info`, file(Buffer.from(JSON.stringify(info))));
    this.#server.on(`${base}/${version}.mod`, file(Buffer.from(mod)));
    const inZip = Object.fromEntries(
      Object.entries({ ...files, 'go.mod': mod }).map(([path, text]) => [`${module}@${version}/${path}`, text]),
    );
    this.#server.on(`${base}/${version}.zip`, ...before, file(zip(inZip)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

/** Brings the Go that tests compile with from the machine's own proxy: the proxies of tests do not have it. */
export async function prepareGo(): Promise<void> {
  await using store = await Store.open(SHARED_STORE);
  const toolchain = new Toolchains({
    store,
    sandbox: new BubblewrapSandbox(store),
    settings: goSettings(process.env, homedir()),
    network: 'online',
    mirrors: () => findMirrors(),
  }).of(GO, undefined);
  const limits = { cores: 2, memoryMiB: 2048, signal: new AbortController().signal };
  const said: string[] = [];
  const sink = (event: BuildEvent): void => {
    if (event.type === 'task-line') said.push(`${event.id}: ${event.line}`);
  };
  const { ok } = await runGraph(toolchain.client.tasks, { store, sink, ...limits });
  if (!ok) throw new Error(`Cannot bring Go ${GO}\n${said.slice(-10).join('\n')}`);
}

/** A zip archive without compression: local headers and data, the central directory, its end (APPNOTE 4.3). */
function zip(files: Files): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const data = Buffer.from(text);
    const path = Buffer.from(name);
    // Version 2.0, no flags, stored, 1980-01-01.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, path, data]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, rest, path]));
    parts.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(central.length, 8);
  end.writeUInt16LE(central.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, end]);
}
