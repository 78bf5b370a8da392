import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { runCommand } from '../../tools/process/command.ts';
import type { Serving } from '../../tools/tuf/serve.ts';
import { bringGoTuf } from '../rig/peers/go-tuf.ts';
import { bringTuftool } from '../rig/peers/tuftool.ts';
import { UpdateRig } from '../rig/update-rig.ts';

/**
 * What other people's programs say of repositories of ours: tuftool, made of the library in hosts' updaters, and go-tuf's example client. Both are compiled on
 * first use, which takes a quarter of an hour.
 */
let rig: UpdateRig;
let tuftool: string;
let goTuf: string;
let server: Serving;
let published: string;

const fleet = ['--variant', 'metal-dev'];
const IMAGE = 'slipway-metal-dev-x86_64-1.0.0-abcd1234-root.erofs.lz4';
const ROLES = ['root', 'targets', 'snapshot', 'timestamp'] as const;

beforeAll(async () => {
  [tuftool, goTuf] = [await bringTuftool(), await bringGoTuf()];
  rig = await UpdateRig.create();
  published = join(rig.dir, 'published');
  await rig.rig.write({ 'Infra.yaml': infra('ours', 'keys/first.pem') });
  for (const name of ['first', 'second']) await rig.ok('root', 'make-key', '--out', file('keys', `${name}.pem`));
  await rig.ok('root', 'init');
  await rig.ok('root', 'add-key', '--key', 'file:keys/first.pub.pem', '--role', ...ROLES);
  await rig.ok('root', 'sign', '--key', 'file:keys/first.pem');
  await rig.build({ version: '1.0.0' });
  await rig.ok('repo', 'create', ...fleet);
  await rig.ok('repo', 'publish', '--to', `file:${published}`);
  server = await rig.serve(published);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

function infra(name: string, key: string): string {
  return `repo:\n  ${name}:\n    signing-keys: { file: { path: ${key} } }\n    root-keys: { file: { path: ${key} } }\n`;
}

function file(...path: readonly string[]): string {
  return join(rig.dir, ...path);
}

function firstRoot(): string {
  return file('roles', 'ours', '1.root.json');
}

interface Ended {
  readonly status: number | undefined;
  readonly output: string;
}

async function run(argv: readonly string[], cwd = rig.dir): Promise<Ended> {
  const lines: string[] = [];
  const onLine = (line: string): void => void lines.push(line);
  const { status } = await runCommand(argv, { env: { PATH: '/usr/bin:/bin', HOME: rig.dir }, cwd, onLine });
  return { status, output: lines.join('\n') };
}

async function succeed(argv: readonly string[], cwd?: string): Promise<string> {
  const { status, output } = await run(argv, cwd);
  if (status !== 0) throw new Error(`Expected ${argv.slice(1).join(' ')} to end well, got ${status}:\n${output}`);
  return output;
}

interface Reading {
  readonly url: string;
  readonly root: string;
}

/** A new folder with what tuftool brings. */
async function tuftoolDownload({ url, root }: Reading): Promise<Ended & { readonly dir: string }> {
  const dir = join(mkdtempSync(file('tuftool-')), 'targets');
  const from = ['--metadata-url', `${url}metal-dev/x86_64`, '--targets-url', `${url}targets`];
  return { ...(await run([tuftool, 'download', '--root', root, ...from, dir])), dir };
}

/** A new go-tuf client, which begins at a root; asked for one target. */
async function goTufGet({ url, root }: Reading, name: string): Promise<Ended & { readonly dir: string }> {
  const dir = mkdtempSync(file('go-tuf-'));
  copyFileSync(root, join(dir, 'root.json'));
  const at = ['--url', `${url}metal-dev/x86_64`];
  await succeed([goTuf, 'init', ...at, '--file', 'root.json'], dir);
  return { ...(await run([goTuf, 'get', ...at, '--turl', `${url}targets`, name], dir)), dir };
}

/** Digests that a repository has in the names of its targets. */
function digests(dir = published): Readonly<Record<string, string>> {
  const names = readdirSync(join(dir, 'targets'));
  return Object.fromEntries(names.map((name) => [name.slice(65), name.slice(0, 64)] as const));
}

function digestsIn(dir: string): Readonly<Record<string, string>> {
  const digest = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(join(dir, name)))
      .digest('hex');
  return Object.fromEntries(readdirSync(dir).map((name) => [name, digest(name)] as const));
}

describe('a repository of ours', () => {
  test('tuftool brings every target of it', async () => {
    const { status, dir } = await tuftoolDownload({ url: server.url, root: firstRoot() });
    expect(status).toBe(0);
    expect(digestsIn(dir)).toEqual(digests());
  });

  test('go-tuf brings a target of it', async () => {
    const { status, dir } = await goTufGet({ url: server.url, root: firstRoot() }, IMAGE);
    expect(status).toBe(0);
    expect(digestsIn(join(dir, 'tuf_download'))).toEqual({ [IMAGE]: digests()[IMAGE] });
  });

  test('a target in whose place there is another is refused by both', async () => {
    const evil = file('evil');
    cpSync(published, evil, { recursive: true });
    const path = join(evil, 'targets', `${digests()[IMAGE] ?? ''}.${IMAGE}`);
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    writeFileSync(path, bytes);
    await using other = await rig.serve(evil);
    const reading = { url: other.url, root: firstRoot() };
    expect((await tuftoolDownload(reading)).status).not.toBe(0);
    const { status, dir } = await goTufGet(reading, IMAGE);
    expect(status).not.toBe(0);
    expect(digestsIn(join(dir, 'tuf_download'))).toEqual({});
  });

  test('both follow its roots from the first to the third, whose keys are others', async () => {
    const [old = ''] = Object.keys(rootSchema.parse(JSON.parse(readFileSync(firstRoot(), 'utf8'))).signed.keys);
    await rig.ok('root', 'rotate', '--replace', old, '--with', 'file:keys/second.pub.pem');
    await rig.ok('root', 'sign', '--key', 'file:keys/first.pem', 'file:keys/second.pem');
    await rig.ok('root', 'rotate');
    await rig.ok('root', 'sign', '--key', 'file:keys/second.pem');
    await rig.rig.write({ 'Infra.yaml': infra('ours', 'keys/second.pem') });
    await rig.ok('repo', 'refresh', ...fleet, '--base', `file:${published}`, '--from-root', '1');
    await rig.ok('repo', 'publish', '--to', `file:${published}`);
    const reading = { url: server.url, root: firstRoot() };
    const { status, dir } = await tuftoolDownload(reading);
    expect(status).toBe(0);
    expect(digestsIn(dir)).toEqual(digests());
    expect(await goTufGet(reading, IMAGE)).toMatchObject({ status: 0 });
  });
});

const rootSchema = z.object({ signed: z.object({ keys: z.record(z.string(), z.unknown()) }) });

describe('a root of tuftool', () => {
  test('is used, rotated and published by us, and followed by tuftool', async () => {
    const roles = file('roles', 'theirs');
    mkdirSync(roles, { recursive: true });
    const root = join(roles, '1.root.json');
    const key = file('keys', 'theirs.pem');
    await succeed([tuftool, 'root', 'init', root]);
    await succeed([tuftool, 'root', 'expire', root, 'in 52 weeks']);
    for (const role of ROLES) await succeed([tuftool, 'root', 'set-threshold', root, role, '1']);
    const all = ROLES.flatMap((role) => ['--role', role]);
    await succeed([tuftool, 'root', 'gen-rsa-key', root, key, ...all]);
    await succeed([tuftool, 'root', 'sign', root, '--key', key]);
    await rig.rig.write({ 'Infra.yaml': infra('theirs', 'keys/theirs.pem') });
    await rig.ok('repo', 'create', ...fleet);
    const at = file('theirs');
    await rig.ok('repo', 'publish', '--to', `file:${at}`);
    await using other = await rig.serve(at);
    const reading = { url: other.url, root };
    expect((await tuftoolDownload(reading)).status).toBe(0);
    await rig.ok('root', 'rotate');
    await rig.ok('root', 'sign');
    await rig.ok('repo', 'refresh', ...fleet, '--base', `file:${at}`);
    await rig.ok('repo', 'publish', '--to', `file:${at}`);
    const { status, dir } = await tuftoolDownload(reading);
    expect(status).toBe(0);
    expect(digestsIn(dir)).toEqual(digests(at));
  });

  test('can be made by verbs of ours alone: each of its verbs has one', async () => {
    const theirs = commandsIn(await succeed([tuftool, 'root', '--help']));
    const ours = commandsIn(await rig.ok('root', '--help'));
    expect(theirs.map((verb) => [verb, ours.includes(OUR_VERB[verb] ?? '')])).toEqual(
      theirs.map((verb) => [verb, true]),
    );
  });
});

/** A version is never said: it is one more than the last. */
const OUR_VERB: Readonly<Record<string, string>> = {
  init: 'init',
  expire: 'expire',
  sign: 'sign',
  'add-key': 'add-key',
  'remove-key': 'remove-key',
  'set-threshold': 'set-threshold',
  'gen-rsa-key': 'make-key',
  'bump-version': 'rotate',
  'set-version': 'rotate',
  help: 'help',
};

/** Names that stand two spaces in, as both clap and commander print commands. */
function commandsIn(help: string): readonly string[] {
  return [...help.matchAll(/^ {2}([a-z][a-z-]*)(?= )/gm)].map(([, name = '']) => name);
}
