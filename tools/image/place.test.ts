import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { Store } from '../graph/store.ts';
import type { Inputs, Outputs, Task } from '../graph/task.ts';
import type { ImageName } from './names.ts';
import { placeArtifacts } from './place.ts';

const NAME: ImageName = { osName: 'slipway', variant: 'metal-dev', arch: 'x86_64', version: '0.1.0', buildId: 'abc' };
const TASK: Task = {
  id: 'made/up',
  title: 'Make it up',
  needs: [],
  cost: { cores: 1, memoryMiB: 1 },
  resolve: () => ({ key: null, run: async () => await Promise.resolve({}) }),
};

/** A store and an images directory; `place` takes suffix -> content. */
class Scene implements AsyncDisposable {
  readonly #dir: string;
  readonly #store: Store;
  readonly images: string;
  readonly dir: string;

  private constructor(dir: string, store: Store) {
    this.#dir = dir;
    this.#store = store;
    this.images = join(dir, 'build/images');
    this.dir = join(this.images, 'x86_64-metal-dev/0.1.0-abc');
  }

  static async create(): Promise<Scene> {
    const dir = mkdtempSync(join(tmpdir(), 'slipway-place-'));
    return new Scene(dir, await Store.open(join(dir, 'store')));
  }

  async place(contents: Readonly<Record<string, string>>) {
    const outputs: Outputs = Object.fromEntries(
      Object.entries(contents).map(([suffix, text]) => [suffix, this.#store.putBytes(text)]),
    );
    const result: Inputs = {
      outputs: () => outputs,
      output: (_task, name) => outputs[name] ?? this.#store.putBytes(''),
    };
    const artifacts = Object.keys(contents).map((suffix) => ({ suffix, task: TASK, output: suffix }));
    return await placeArtifacts({ name: NAME, artifacts }, { store: this.#store, result, dir: this.#dir });
  }

  read(file: string): string {
    return readFileSync(join(this.dir, file), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
    rmSync(this.#dir, { recursive: true });
  }
}

const DISK = 'slipway-metal-dev-x86_64-0.1.0-abc.img.lz4';

test('placeArtifacts() leaves files, their links, sums and latest', async () => {
  await using scene = await Scene.create();
  const { dir, files } = await scene.place({ '.img.lz4': 'disk', '-inventory.json': '{}' });
  expect(dir).toBe(scene.dir);
  expect(files.map(({ path }) => path)).toEqual([
    join(dir, DISK),
    join(dir, 'slipway-metal-dev-x86_64-0.1.0-abc-inventory.json'),
  ]);
  expect(readdirSync(dir)).toEqual([
    'SHA256SUMS',
    'slipway-metal-dev-x86_64-0.1.0-abc-inventory.json',
    DISK,
    'slipway-metal-dev-x86_64-0.1.0-inventory.json',
    'slipway-metal-dev-x86_64-0.1.0.img.lz4',
    'slipway-metal-dev-x86_64-inventory.json',
    'slipway-metal-dev-x86_64-v0.1.0-inventory.json',
    'slipway-metal-dev-x86_64-v0.1.0.img.lz4',
    'slipway-metal-dev-x86_64.img.lz4',
  ]);
  expect(scene.read('slipway-metal-dev-x86_64.img.lz4')).toBe('disk');
  expect(scene.read('SHA256SUMS')).toMatch(/^[0-9a-f]{64} {2}slipway-metal-dev-x86_64-0\.1\.0-abc[.-]/m);
  expect(readlinkSync(join(scene.images, 'x86_64-metal-dev/latest'))).toBe('0.1.0-abc');
});

test('what is unchanged is not copied again, what somebody changed is', async () => {
  await using scene = await Scene.create();
  await scene.place({ '.img.lz4': 'disk', '-data.img.lz4': 'data' });
  const before = statSync(join(scene.dir, DISK)).ino;
  await scene.place({ '.img.lz4': 'disk', '-data.img.lz4': 'data' });
  expect(statSync(join(scene.dir, DISK)).ino).toBe(before);
  writeFileSync(join(scene.dir, DISK), 'DISK');
  utimesSync(join(scene.dir, DISK), new Date(), new Date(Date.now() + 1000));
  await scene.place({ '.img.lz4': 'disk', '-data.img.lz4': 'data' });
  expect(scene.read(DISK)).toBe('disk');
});

test('an artifact of an earlier build that is made no more goes, with its links; a file of somebody else stays', async () => {
  await using scene = await Scene.create();
  await scene.place({ '.img.lz4': 'disk' });
  writeFileSync(join(scene.dir, 'slipway-metal-dev-x86_64-0.1.0-abc-amis.json'), '{}');
  await scene.place({ '.qcow2': 'disk' });
  expect(readdirSync(scene.dir)).toEqual([
    'SHA256SUMS',
    'slipway-metal-dev-x86_64-0.1.0-abc-amis.json',
    'slipway-metal-dev-x86_64-0.1.0-abc.qcow2',
    'slipway-metal-dev-x86_64-0.1.0.qcow2',
    'slipway-metal-dev-x86_64-v0.1.0.qcow2',
    'slipway-metal-dev-x86_64.qcow2',
  ]);
});

test('a directory that cannot be made is named', async () => {
  await using scene = await Scene.create();
  mkdirSync(join(scene.images, '..'));
  writeFileSync(scene.images, 'in the way');
  await expect(scene.place({ '.img.lz4': 'disk' })).rejects.toThrow(`Cannot place the image in "${scene.dir}"`);
});
