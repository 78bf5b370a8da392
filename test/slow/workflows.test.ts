import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { runCommand } from '../../tools/process/command.ts';
import { bringPrograms } from '../rig/built-programs.ts';
import { Rig } from '../rig/rig.ts';
import { WORKFLOWS } from '../rig/workflow.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.create({});
  await bringPrograms(rig.dir, 'actionlint', ['actionlint']);
});

afterAll(async () => await rig[Symbol.asyncDispose]());

/** What actionlint says of a workflow, and its status. */
async function lint(path: string): Promise<readonly [number | undefined, string]> {
  const lines: string[] = [];
  const argv = [join(rig.dir, 'actionlint'), '-no-color', '-shellcheck=', '-pyflakes=', path];
  const { status } = await runCommand(argv, { env: {}, onLine: (line) => lines.push(line) });
  return [status, lines.join('\n')];
}

test.each(readdirSync(WORKFLOWS))('actionlint has nothing to say of %s', async (file) => {
  expect(await lint(join(WORKFLOWS, file))).toEqual([0, '']);
});

test('it does have of an expression that means nothing', async () => {
  const path = join(rig.dir, 'broken.yml');
  writeFileSync(
    path,
    'on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ github.nonsense }}\n',
  );
  expect(await lint(path)).toEqual([1, expect.stringContaining('property "nonsense" is not defined') as unknown]);
});
