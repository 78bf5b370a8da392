import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { runStep, shellStep } from './rig/workflow.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'slipway-workflow-'));
});

afterEach(() => rmSync(dir, { recursive: true }));

test.each([
  ['v1.2.3', 0],
  ['v1.2.4', 1],
  ['v1.2', 1],
  ['v1x2.3', 1],
])('a release of tag %s, where Release.yaml says 1.2.3, ends with status %i', async (tag, status) => {
  writeFileSync(join(dir, 'Release.yaml'), 'name: slipway\npretty-name: Slipway OS\nversion: 1.2.3\n');
  const step = shellStep('release.yml', 'Release.yaml');
  expect(await runStep(step, { cwd: dir, expressions: { 'github.ref_name': tag } })).toMatchObject({ status });
});

test('Infra.yaml comes from a variable as it is, whatever is in it, and stays outside of the checkout', async () => {
  const infra = 'aws:\n  regions: [eu-north-1]\n  tags: { note: "$HOME `id` %s \\\\n" }';
  const step = shellStep('release.yml', 'printf');
  await runStep(step, { cwd: dir, expressions: { 'vars.INFRA_YAML': infra }, environment: { RUNNER_TEMP: dir } });
  expect(readFileSync(join(dir, 'Infra.yaml'), 'utf8')).toBe(`${infra}\n`);
});

test('the release is called with the variant and the Infra.yaml of the steps before', async () => {
  const step = shellStep('release.yml', 'Makefile.ts release');
  const { lines } = await runStep(
    { ...step, run: `npx() { printf '%s\\n' "$@"; }; ${step.run}` },
    { cwd: dir, expressions: { 'vars.VARIANT': 'aws-dev' }, environment: { RUNNER_TEMP: dir } },
  );
  expect(lines).toEqual(['tsx', 'Makefile.ts', 'release', '--variant', 'aws-dev', '--infra', join(dir, 'Infra.yaml')]);
});
