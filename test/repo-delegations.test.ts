import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { UpdateRig } from './rig/update-rig.ts';

/** A repository of ours in which python-tuf has delegated: to a partner, who delegated further, and one of the system's own images. */
let rig: UpdateRig;
let published: string;
let before: number;
const fleet = ['--variant', 'metal-dev'];
const IMAGE = 'slipway-metal-dev-x86_64-1.0.0-abcd1234-root.erofs.lz4';
const NAMES = ['partner-list', 'partner-tool', IMAGE, 'manifest.json'];
const HOP = { '(1.0.0, 1.1.0)': [] };

beforeAll(async () => {
  rig = await UpdateRig.create();
  published = join(rig.dir, 'published');
  await rig.build({ version: '1.0.0' });
  await rig.ok('repo', 'create', ...fleet);
  await publish();
  await delegate(IMAGE);
  before = newestTargets();
}, 600_000);

afterAll(() => rig[Symbol.asyncDispose]());

/** The image that is to be in the role of another, or `none` to delegate no more. */
async function delegate(image: string): Promise<void> {
  const metadata = join(published, 'metal-dev', 'x86_64');
  const script = join(import.meta.dirname, 'rig', 'peers', 'delegate.py');
  const args = [metadata, join(published, 'targets'), join(devDir(), 'dev-key.pem'), image];
  const { status, output } = await rig.peers.python(script, args, { binds: [rig.dir] });
  if (status !== 0) throw new Error(`Expected python-tuf to delegate, got status ${status}:\n${output}`);
}

function devDir(): string {
  return join(rig.dir, '.config', 'slipway', 'repositories', 'default');
}

function base(): string[] {
  return [...fleet, '--base', `file:${published}`];
}

async function publish(): Promise<void> {
  await rig.ok('repo', 'publish', '--to', `file:${published}`);
}

function newestTargets(): number {
  const names = readdirSync(join(published, 'metal-dev', 'x86_64'));
  return Math.max(...names.map((name) => Number(/^(\d+)\.targets\.json$/.exec(name)?.[1] ?? 0)));
}

const ALL = { delegated: ['partner', 'images'], found: NAMES, findings: 0 };

/** What is delegated, and what a client of python-tuf's finds that has seen nothing before. */
async function held(client: string): Promise<typeof ALL> {
  const file = join(published, 'metal-dev', 'x86_64', `${newestTargets()}.targets.json`);
  const { signed } = z
    .object({ signed: z.object({ delegations: z.object({ roles: z.array(z.object({ name: z.string() })) }) }) })
    .parse(JSON.parse(readFileSync(file, 'utf8')));
  await using server = await rig.serve(published);
  const root = join(devDir(), 'roots', '1.root.json');
  const answer = await rig.pythonTuf(server.url, { root, names: NAMES, client });
  const { repositories } = z
    .object({ repositories: z.tuple([z.object({ findings: z.number() })]) })
    .parse(await rig.result('repo', 'validate', ...base()));
  return {
    delegated: signed.delegations.roles.map(({ name }) => name),
    found: 'targets' in answer ? Object.keys(answer.targets) : [answer.error],
    findings: repositories[0].findings,
  };
}

test('are read, and hold as python-tuf has made them', async () => {
  expect(await held('as-made')).toEqual(ALL);
});

test('download follows them: an image that another role vouches for comes as all others do', async () => {
  await using server = await rig.serve(published);
  const { files } = await rig.result('repo', 'download', ...fleet, '--base', server.url);
  expect(files).toEqual(expect.arrayContaining([expect.objectContaining({ name: IMAGE, fresh: false })]));
});

test('a refresh keeps them', async () => {
  await rig.ok('repo', 'refresh', ...base());
  await publish();
  expect(await held('refreshed')).toEqual(ALL);
});

test('the next update keeps them, though an image of the one before is in the role of another', async () => {
  await rig.build({ version: '1.1.0', migrations: HOP });
  await rig.ok('repo', 'create', ...base());
  await publish();
  expect(await held('next')).toEqual(ALL);
});

test('other waves, and a roll-back, keep them', async () => {
  await rig.ok('repo', 'set-waves', '--version', '1.1.0', '--waves', 'ohno', ...base(), '--yes');
  await publish();
  expect(await held('waves')).toEqual(ALL);
  await rig.ok('repo', 'rollback', '--to', String(before), ...base(), '--yes');
  await publish();
  expect(await held('rolled-back')).toEqual(ALL);
});

test('a role whose keys are PEMs can be signed elsewhere: line ends stand bare in canonical JSON', async () => {
  const folder = join(rig.dir, 'request');
  const key = join(devDir(), 'dev-key.pem');
  await rig.rig.write({
    'Infra.yaml': `repo:\n  acme:\n    root-roles: .config/slipway/repositories/default/roots\n    signing-keys: { timestamp: { file: { path: ${key} } } }\n`,
  });
  await rig.ok('repo', 'refresh', ...base(), '--sign-later', folder);
  for (const role of ['targets', 'snapshot']) {
    expect(await rig.ok('repo', 'sign', folder, '--key', `file:${key}`)).toContain(`${role} version`);
    await rig.ok('repo', 'sign', '--from', folder, '--base', `file:${published}`);
  }
  await publish();
  expect(await held('signed-elsewhere')).toEqual(ALL);
});

test('a role that nobody delegates to any more stays in each snapshot: clients that have seen it refuse one without', async () => {
  await using server = await rig.serve(published);
  const client = { root: join(devDir(), 'roots', '1.root.json'), names: ['manifest.json'], client: 'seen' };
  expect(await rig.pythonTuf(server.url, client)).toMatchObject({ versions: { root: 1 } });
  await delegate('none');
  await rig.rig.write({ 'Infra.yaml': '' });
  await rig.ok('repo', 'refresh', ...base());
  await publish();
  expect(await rig.pythonTuf(server.url, client)).toMatchObject({ versions: { targets: newestTargets() } });
});
