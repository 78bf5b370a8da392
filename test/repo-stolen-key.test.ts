import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { Evil } from './rig/evil.ts';

/** Somebody has had the one online key, and has signed versions that no clock will reach. */
let evil: Evil;
const FAR_AHEAD = 4_000_000_000;
const fleet = ['--variant', 'metal-dev'];

beforeAll(async () => {
  // All of it within one second: versions are seconds, and files are named after them.
  vi.setSystemTime(new Date());
  evil = await Evil.create();
  evil.begin();
  const snapshot = evil.fileOf(evil.spoilt, 'snapshot');
  const { signed, signatures } = evil.read(evil.spoilt, snapshot);
  writeFileSync(evil.metadata(evil.spoilt, `${FAR_AHEAD}.snapshot.json`), JSON.stringify({ signed, signatures }));
  evil.resign(`${FAR_AHEAD}.snapshot.json`, (words) => ({ ...words, version: FAR_AHEAD }));
  evil.pointTo(`${FAR_AHEAD}.snapshot.json`);
  evil.resign('timestamp.json', (words) => ({ ...words, version: FAR_AHEAD }));
}, 600_000);

afterAll(async () => {
  vi.useRealTimers();
  await evil[Symbol.asyncDispose]();
});

test('with another key versions begin anew, and clients that saw those of the thief go on', async () => {
  const { rig } = evil;
  const address = `file:${evil.spoilt}`;
  await using server = await rig.serve(evil.spoilt);
  const client = { root: join(evil.devDir, 'roots', '1.root.json'), names: ['manifest.json'], client: 'victim' };
  expect(await rig.pythonTuf(server.url, client)).toMatchObject({ versions: { timestamp: FAR_AHEAD } });
  expect(await rig.refusal('repo', 'refresh', ...fleet, '--base', address)).toBe('1 tuf/clock-behind');
  await rig.ok('root', 'make-key', '--out', join(rig.dir, 'new.pem'));
  await rig.rig.write({
    'Infra.yaml': `repo:\n  acme:\n    root-roles: .config/slipway/repositories/default/roots\n    signing-keys: { file: { path: new.pem } }\n`,
  });
  const old = evil.read(evil.good, '1.root.json').signatures[0]?.keyid ?? '';
  await rig.ok('root', 'rotate', '--replace', old, '--with', 'file:new.pub.pem');
  await rig.ok('root', 'sign', '--key', 'file:new.pem', `file:${join(evil.devDir, 'dev-key.pem')}`);
  await rig.ok('repo', 'refresh', ...fleet, '--base', address, '--from-root', '1');
  await rig.ok('repo', 'publish', '--to', address);
  expect(await rig.result('repo', 'validate', ...fleet, '--base', address)).toMatchObject({
    repositories: [{ findings: 0 }],
  });
  const { signed } = evil.read(evil.spoilt, 'timestamp.json');
  expect(signed.version).toBeLessThan(FAR_AHEAD);
  expect(await rig.pythonTuf(server.url, client)).toMatchObject({ versions: { root: 2, timestamp: signed.version } });
});
